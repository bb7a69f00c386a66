import { isLeaseName, LEASE_NAME_RULE } from '../market/names.ts'
import { parseByteValueMiB } from '../units.ts'
import { readComposeService } from './compose-service.ts'
import { DEFAULT_VOLUME_MIB } from './defaults.ts'
import type { Field } from './field.ts'
import { interpolateField } from './interpolate.ts'
import type { Manifest } from './manifest.ts'
import type { ParseOptions } from './parse.ts'
import { NAME_PATTERN } from './patterns.ts'

/** The file-level parts that services refer to. */
export interface ComposeContext {
  options: ParseOptions
  /** Contents of configs and secrets by name. */
  configs: Map<string, Uint8Array>
  secrets: Map<string, Uint8Array>
  /** Secrets that are external: they come sealed. */
  sealedSecrets: Set<string>
  volumes: Manifest['volumes']
  declaredVolumes: Map<string, Field>
}

/** Compose specification (compose-spec/compose-spec, spec.md) → manifest, and the name the file gives itself. One worker runs all services. */
export function parseCompose(raw: Field, options: ParseOptions): { manifest: Manifest; name: string | undefined } {
  const root = interpolateField(raw, options.env ?? {})
  const secrets = root.get('secrets')
  const sealedSecrets = new Set(secrets?.isMap ? secrets.entries().flatMap(([name, entry]) => (isExternal(entry) ? [name] : [])) : [])
  const context: ComposeContext = {
    options,
    configs: readFiles(root.get('configs'), options),
    secrets: readFiles(secrets, options, sealedSecrets),
    sealedSecrets,
    volumes: {},
    declaredVolumes: new Map(root.get('volumes')?.isMap ? root.get('volumes')?.entries() : []),
  }
  const services: Manifest['services'] = {}
  let name: string | undefined
  root.fields(
    {
      version: (field) => void field.text(),
      name: (field) => {
        if (isLeaseName(field.text())) name = field.text()
        else field.warn(`ignored: a lease's name has ${LEASE_NAME_RULE}`)
      },
      configs: () => {},
      secrets: () => {},
      volumes: (field) => {
        if (!field.isNull) field.entries()
      },
      networks: (field) => {
        if (!field.isNull && field.entries().length > 0) field.warn('ignored: the services of a lease share one network of their own')
      },
      services: (field) => {
        for (const [key, service] of field.entries()) {
          if (!NAME_PATTERN.test(key)) service.fail('a service name of letters, digits, ".", "_" and "-", at most 46')
          if (isEnabled(service, options.profiles ?? [])) services[key] = readComposeService(service, context)
        }
      },
    },
    { include: 'Put everything into one file.' },
  )
  if (!root.get('services')) root.refuse('there are no services', 'A Compose file has a "services" mapping; an SDL file has "deployment" too.')
  for (const [key, volume] of context.declaredVolumes) if (!context.volumes[key]) volume.warn('ignored: no service mounts this volume')
  for (const [key, service] of Object.entries(services))
    for (const dependency of service.dependsOn)
      if (!services[dependency.service])
        root
          .get('services')
          ?.get(key)
          ?.get('depends_on')
          ?.refuse(
            `${key} depends on ${dependency.service}, which is not in the file or not in an active profile`,
            'Add the service, or switch its profile on with --profile.',
          )
  return { manifest: { version: 1, services, volumes: context.volumes, attributes: {} }, name }
}

/** Records a named volume as used, with its size: `x-size`, `driver_opts.size` or the default. */
export function useVolume(name: string, mount: Field, context: ComposeContext): void {
  if (context.volumes[name]) return
  if (!NAME_PATTERN.test(name)) mount.fail('a volume name of letters, digits, ".", "_" and "-"')
  const declared = context.declaredVolumes.get(name)
  let sizeMiB: number | undefined
  if (declared?.isMap) {
    declared.fields(
      {
        driver: (field) => {
          if (field.text() !== 'local') field.refuse('only local volumes are offered', 'Leave the driver out.')
        },
        driver_opts: (field) =>
          field.fields(
            { size: (size) => void (sizeMiB = size.parse(parseByteValueMiB)) },
            { device: 'A volume is a folder of the worker; host devices and paths are not offered.', o: 'Mount options are not offered.' },
            { type: 'a volume is a folder of the worker' },
          ),
      },
      { external: 'Volumes live and end with their lease; drop "external".' },
      { labels: 'labels have no effect', name: 'the worker names volumes' },
    )
    const size = declared.get('x-size')
    if (size) sizeMiB = size.parse(parseByteValueMiB)
  }
  if (sizeMiB === undefined) (declared ?? mount).warn(`the volume ${name} states no size and gets ${DEFAULT_VOLUME_MIB} MiB (set x-size)`)
  context.volumes[name] = { sizeMiB: sizeMiB ?? DEFAULT_VOLUME_MIB, class: 'default' }
}

function isEnabled(service: Field, active: readonly string[]): boolean {
  const profiles = service.get('profiles')
  if (!profiles) return true
  return active.includes('*') || profiles.list().some((profile) => active.includes(profile.text()))
}

function isExternal(entry: Field): boolean {
  return entry.isMap && entry.get('external')?.boolean() === true
}

function readFiles(section: Field | undefined, options: ParseOptions, except: Set<string> = new Set()): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>()
  if (!section || section.isNull) return contents
  for (const [name, entry] of section.entries()) {
    if (except.has(name)) continue
    let content: Uint8Array | undefined
    entry.fields(
      {
        content: (field) => void (content = Buffer.from(field.text())),
        environment: (field) => {
          const variable = field.text()
          const value = options.env && Object.hasOwn(options.env, variable) ? options.env[variable] : undefined
          if (value === undefined) field.refuse(`the variable ${variable} is not set`, 'Set it in the environment or with --env-file.')
          content = Buffer.from(value ?? '')
        },
        file: (field) => {
          content = options.readFile?.(field.text())
          if (!content) field.refuse(`the file ${field.text()} can't be read`, 'Paths are relative to the Compose file and stay below its folder.')
        },
      },
      {
        external: 'Only secrets can be external: those come sealed (docs/secrets.md). Use file, content or environment.',
        template_driver: 'Templates are not offered.',
      },
      { labels: 'labels have no effect', name: 'what is mounted is a file of the lease, without a name elsewhere' },
    )
    if (!content) entry.fail('one of file, content or environment')
    if (content) contents.set(name, content)
  }
  return contents
}
