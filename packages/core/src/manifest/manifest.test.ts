import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CloisterError } from '../errors/error.ts'
import { canonicalHash, hashManifest, readManifest, toCanonicalJson } from './canonical.ts'
import { parseManifest } from './parse.ts'
import { ManifestError } from './source.ts'

const FIXTURES = resolve(import.meta.dirname, '../../../../../shared/fixtures')

const compose = (text: string, env: Record<string, string> = {}) =>
  parseManifest(text, { file: 'compose.yaml', env })

describe.skipIf(!hasFixtures())('real deployment files', () => {
  // What is skipped is read all the same.
  const files = (hasFixtures() ? ['compose', 'sdl'] : []).flatMap((kind) =>
    readdirSync(join(FIXTURES, kind)).map((name) => join(kind, name)),
  )
  const outcome = (file: string) => {
    const text = readFileSync(join(FIXTURES, file), 'utf8')
    // A file with several placement groups is several leases; the first stands for them here.
    const parse = (group?: string) =>
      parseManifest(text, {
        file,
        env: {},
        look: () => ({ kind: 'file', content: Buffer.from('content'), mode: 0o644 }),
        ...(group !== undefined && { group }),
      })
    try {
      return parse()
    } catch (error) {
      const groups = error instanceof ManifestError ? error.details['groups'] : undefined
      if (Array.isArray(groups)) return parse(String(groups[0]))
      return error
    }
  }

  it.each(files)('%s becomes a manifest, or is refused with place, finding and remedy', (file) => {
    const result = outcome(file)
    if (result instanceof Error) {
      expect(result).toBeInstanceOf(ManifestError)
      const { line, hint, message } = result as ManifestError
      expect(line).toBeGreaterThan(0)
      expect(hint).toBeTruthy()
      expect(message).toContain(`${file}:${line}`)
    } else
      expect(readManifest(toCanonicalJson((result as { manifest: unknown }).manifest))).toEqual(
        (result as { manifest: unknown }).manifest,
      )
  })

  it('convert for the most part: 56 of 71, the others for what a shared worker can not do', () => {
    const refused = files.filter((file) => outcome(file) instanceof Error)
    expect([files.length, refused.length]).toEqual([71, 15])
  })
})

describe('Compose', () => {
  it('becomes the same manifest however its keys are ordered', () => {
    const one = compose(
      'services:\n  web:\n    image: a\n    ports: ["80"]\n    environment: { A: 1, B: 2 }\n  db:\n    image: b\n',
    )
    const two = compose(
      'services:\n  db: { image: b }\n  web: { environment: { B: 2, A: 1 }, ports: ["80"], image: a }\n',
    )
    expect(hashManifest(one.manifest)).toBe(hashManifest(two.manifest))
  })

  it.each([
    ['privileged: true', 'privileged'],
    ['network_mode: host', 'network_mode'],
    ['pid: host', 'pid'],
    ['volumes: ["/var/run/docker.sock:/var/run/docker.sock"]', 'volumes'],
    ['cap_add: [SYS_ADMIN]', 'cap_add'],
    ['devices: ["/dev/kvm:/dev/kvm"]', 'devices'],
    ['frobnicate: yes', 'frobnicate'],
  ])('with `%s` is refused by name', (line, field) => {
    expect(() => compose(`services:\n  web:\n    image: a\n    ${line}\n`)).toThrow(
      new RegExp(`compose\\.yaml:\\d+ services\\.web\\.${field}`),
    )
  })

  it('says what it ignores', () => {
    const { warnings } = compose('services:\n  web:\n    image: a\n    logging: { driver: none }\n')
    expect(warnings).toContainEqual(expect.objectContaining({ line: 4, field: 'services.web.logging' }))
  })

  it.each([
    ['name: No Name', 'name'],
    ['volumes: { data: { name: shared } }', 'volumes.data.name'],
    ['configs: { c: { content: x, name: shared } }', 'configs.c.name'],
  ])('says that it ignores `%s`', (line, field) => {
    const { warnings, name } = compose(
      `${line}\nservices: { web: { image: a, volumes: ["data:/data"]${line.startsWith('configs') ? ', configs: [c]' : ''} } }\n`,
    )
    expect(warnings).toContainEqual(expect.objectContaining({ line: 1, field }))
    expect(name).toBeUndefined()
  })

  it('says what of a restart policy it ignores', () => {
    const { warnings } = compose(
      'services:\n  web:\n    image: a\n    deploy: { restart_policy: { condition: any, delay: 5s, window: 1m } }\n',
    )
    expect(warnings.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['delay', 'window'].map((key) => `services.web.deploy.restart_policy.${key}`)),
    )
  })

  it('has a name of its own that is no part of the manifest', () => {
    const named = compose('name: "${WHO:-my-app}"\nservices: { web: { image: a } }\n')
    expect(named.name).toBe('my-app')
    expect(named.manifest).toEqual(compose('services: { web: { image: a } }\n').manifest)
    expect(named.warnings.filter(({ field }) => field === 'name')).toEqual([])
  })

  it('without an image to pull is refused', () => {
    expect(() => compose('services:\n  web:\n    build: .\n')).toThrow(/compose\.yaml:\d+ services\.web/)
  })

  it('fills variables in, and stops where one must be set', () => {
    const { manifest } = compose(
      'services:\n  web:\n    image: "${NAME:-a}:${TAG}"\n    command: ["$$HOME"]\n',
      { TAG: '2' },
    )
    expect(manifest.services['web']).toMatchObject({ image: 'a:2', command: ['$HOME'] })
    expect(() => compose('services: { web: { image: "${X:?say which}" } }')).toThrow(
      /the variable X must be set: say which/,
    )
  })

  it('does not let an alias bomb grow', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
      .split('')
      .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`)
      .join('\n')}\nservices: { web: { image: a, command: *h } }`
    expect(() => compose(bomb)).toThrow(CloisterError)
  })
})

describe('sealed secrets', () => {
  it('are named in the manifest, as variables and as files, and have no value there', () => {
    const { web } = compose(`services:
  web:
    image: a
    x-sealed: [TOKEN, 'config.json:/etc/app/config.json']
    secrets: [db, { source: tls, target: /tls.key }]
    x-exec: false
    x-logs: false
    x-agent-socket: true
secrets: { db: { external: true }, tls: { external: true } }`).manifest.services
    expect(web?.sealed).toEqual([
      { name: 'db', path: '/run/secrets/db' },
      { name: 'tls', path: '/tls.key' },
      { name: 'TOKEN' },
      { name: 'config.json', path: '/etc/app/config.json' },
    ])
    expect(web).toMatchObject({ files: [], exec: false, logs: false, agentSocket: true })
  })

  it('are words of SDL too', () => {
    const sdl = `version: "2.0"
services: { web: { image: a, x-sealed: [TOKEN], x-logs: false } }
profiles: { compute: { web: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi } } } }, placement: { p: { pricing: { web: { denom: uakt, amount: 1 } } } } }
deployment: { web: { p: { profile: web, count: 1 } } }`
    const { web } = parseManifest(sdl, { file: 'deploy.yaml' }).manifest.services
    expect(web).toMatchObject({ sealed: [{ name: 'TOKEN' }], logs: false })
  })

  it('change no hash of a manifest that has none', () => {
    const { manifest } = compose(
      'services: { web: { image: a, x-exec: true, x-logs: true, x-agent-socket: false } }',
    )
    expect(Object.keys(manifest.services['web'] ?? {})).not.toContain('logs')
    expect(Object.keys(manifest.services['web'] ?? {})).not.toEqual(expect.arrayContaining(['sealed']))
    expect(hashManifest(manifest)).toBe(hashManifest(compose('services: { web: { image: a } }').manifest))
  })

  it.each([
    ['a bad name', "x-sealed: ['1A']", /x-sealed\[0\]: found/],
    ['a relative path', "x-sealed: ['A:b']", /x-sealed\[0\]: found/],
    ['the same twice', 'x-sealed: [A, A]', /twice/],
    [
      'one that is in the open as well',
      'environment: { A: b }, x-sealed: [A]',
      /both sealed and in the open/,
    ],
    ['no list', 'x-sealed: A', /x-sealed: found/],
    ['no answer to whether its output is kept', 'x-logs: none', /x-logs: found/],
  ])('refuse %s', (_, fields, message) => {
    expect(() => compose(`services: { web: { image: a, ${fields} } }`)).toThrow(message)
  })
})

describe('any text', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .tuple(
        fc.constantFrom(
          'image',
          'ports',
          'volumes',
          'deploy',
          'environment',
          'healthcheck',
          'depends_on',
          'restart',
          'ulimits',
          'user',
          'secrets',
        ),
        fc.json(),
      )
      .map(([key, value]) => `services: {"web": {"image": "a", "${key}": ${value}}}`),
    fc
      .tuple(fc.constantFrom('services', 'profiles', 'deployment', 'endpoints'), fc.json())
      .map(([key, value]) => `version: "2.0"\n${key}: ${value}\ndeployment: {}\n`),
  )

  it('becomes a manifest or our error, nothing else', () => {
    fc.assert(
      fc.property(anything, (text) => {
        try {
          const { manifest } = compose(text)
          const canonical = toCanonicalJson(manifest)
          expect(toCanonicalJson(readManifest(canonical))).toBe(canonical)
        } catch (error) {
          expect(error).toBeInstanceOf(CloisterError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('as JSON has a canonical form that is a fixed point and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const canonical = toCanonicalJson(value)
        expect(toCanonicalJson(JSON.parse(canonical))).toBe(canonical)
        const shuffled = Object.fromEntries(Object.entries(value).reverse())
        expect(canonicalHash(shuffled)).toBe(canonicalHash(value))
      }),
    )
  })
})

function hasFixtures(): boolean {
  try {
    return readdirSync(FIXTURES).length > 0
  } catch {
    return false
  }
}
