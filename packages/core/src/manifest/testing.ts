import { parseManifest } from './parse.ts'
import type { Beside, ParseOptions } from './parse-options.ts'

/** Reads a Compose file with what lies beside it: texts are files. */
export const compose = (
  text: string,
  files: Record<string, string | Beside> = {},
  env: Record<string, string> = {},
  more: Partial<ParseOptions> = {},
) =>
  parseManifest(text, {
    file: 'compose.yaml',
    env,
    look: (path) => {
      const found = Object.hasOwn(files, path) ? files[path] : undefined
      return typeof found === 'string' ? { kind: 'file', content: Buffer.from(found), mode: 0o644 } : found
    },
    ...more,
  })

/** The same for lines of a service `web`. */
export const service = (lines: string, rest = '', files: Record<string, string | Beside> = {}) =>
  compose(`services:\n  web:\n    image: a\n${lines.replace(/^/gm, '    ')}\n${rest}`, files)

/** That service in the manifest. */
export const web = (lines: string, rest = '', files: Record<string, string | Beside> = {}) =>
  service(lines, rest, files).manifest.services['web']

/** Reads an SDL file with one service `web`, and more lines of it. */
export const sdl = (lines: string, { resources = '', top = '', expose = '' } = {}) =>
  parseManifest(
    `version: "2.1"\n${top}\nservices:\n  web:\n    image: a\n    expose: [${expose || '{ port: 80, as: 80, to: [{ global: true }] }'}]\n    ${lines}\nprofiles:\n  compute:\n    web: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi } ${resources} } }\n  placement: { p: { attributes: { host: akash, capabilities/storage/1/class: beta3 }, pricing: { web: { denom: uakt, amount: 1 } } } }\ndeployment: { web: { p: { profile: web, count: 1 } } }`,
    { file: 'deploy.yaml' },
  )
