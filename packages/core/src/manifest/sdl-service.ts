import { DEFAULT_RESOURCES, plainService } from './defaults.ts'
import { readExtensions } from './extensions.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'
import type { ComputeProfile } from './sdl-compute.ts'
import type { Service } from './service.ts'

/** One service of an SDL file with the compute profile it is deployed with. Named storage becomes volumes of the lease. */
export function readSdlService(name: string, root: Field, profile: ComputeProfile, count: number, volumes: Manifest['volumes']): Service {
  const service = plainService('')
  service.count = count
  root.fields({
    image: (field) => void (service.image = field.matching(/^\S{1,512}$/, 'an image such as ghcr.io/me/app:1')),
    command: (field) => {
      if (!field.isNull) service.entrypoint = readList(field)
    },
    args: (field) => {
      if (!field.isNull) service.command = readList(field)
    },
    env: (field) => {
      if (!field.isNull) service.env = readEnv(field)
    },
    expose: (field) => {
      if (!field.isNull) for (const item of field.list()) readExpose(item, service)
    },
    dependencies: (field) => {
      for (const item of field.list()) item.fields({ service: (s) => void service.dependsOn.push({ service: s.text(), condition: 'started' }) })
    },
    params: (field) => readParams(name, field, profile, service, volumes),
    credentials: (field) => void (service.registry = readCredentials(field)),
  })
  if (service.image === '') root.refuse('the service has no image', 'Name one under "image", such as ghcr.io/me/app:1.')
  readExtensions(root, service)
  const { cpuMilli, memoryMiB, storage, gpu } = profile
  // Storage without a mount is the container's own disk, whatever its class.
  const mounted = new Set([...service.mounts.map((m) => m.volume), ...(root.get('params')?.get('storage')?.entries() ?? []).map(([n]) => `${name}-${n}`)])
  const own = storage.filter((s) => !mounted.has(`${name}-${s.name}`))
  for (const { field, persistent } of own)
    if (persistent) field.warn(`ignored: this storage is mounted nowhere in ${name}, so it is not persistent (see params.storage)`)
  const diskMiB = own.reduce((sum, s) => sum + s.sizeMiB, 0) || DEFAULT_RESOURCES.diskMiB
  service.resources = gpu ? { cpuMilli, memoryMiB, diskMiB, gpu } : { cpuMilli, memoryMiB, diskMiB }
  return service
}

function readList(field: Field): string[] {
  return field.isList ? field.list().map((word) => word.text()) : [field.text()]
}

function readEnv(root: Field): Record<string, string> {
  const env: Record<string, string> = {}
  for (const item of root.list()) {
    const text = item.text()
    const equals = text.indexOf('=')
    const name = (equals < 0 ? text : text.slice(0, equals)).trim()
    if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,254}$/.test(name) || name === '__proto__') item.fail('NAME=value')
    if (equals < 0) item.warn(`the variable ${name} has no value and is empty`)
    env[name] = equals < 0 ? '' : text.slice(equals + 1)
  }
  return env
}

function readExpose(root: Field, service: Service): void {
  let port = 0
  let as: number | undefined
  let udp = false
  let global = false
  root.fields({
    port: (field) => void (port = field.integer(1, 65_535)),
    as: (field) => void (as = field.integer(1, 65_535)),
    proto: (field) => void (udp = field.matching(/^(tcp|udp|http)$/i, 'tcp or udp').toLowerCase() === 'udp'),
    to: (field) => {
      for (const target of field.isNull ? [] : field.list())
        target.fields({
          global: (value) => void (global = value.boolean() || global),
          service: (value) => void value.text(),
          ip: (value) =>
            value.refuse(
              "a leased IP address can't be honoured",
              'HTTP ports get a name at the gateway and other TCP ports a port of the worker; drop "ip" and "endpoints".',
            ),
        })
    },
    accept: (field) => {
      if (!field.isNull && field.list().length > 0) field.warn('ignored: names of your own are not routed yet; the lease gets a name at the gateway (--name)')
    },
    http_options: (field) => field.warn("ignored: the gateway's own limits and time-outs hold"),
  })
  if (port === 0) root.fail('a port')
  if (global && udp) root.refuse('UDP ports are not reachable from outside', 'Services are reached by HTTP and TCP; UDP works inside the lease only.')
  const outside = as ?? port
  // As on Akash, a TCP port seen as 80 is served by host name; others are reached as they are.
  const kind = udp ? 'udp' : outside === 80 || outside === 443 ? 'http' : 'tcp'
  const same = service.expose.find((e) => e.port === port && e.as === outside && e.protocol === kind)
  if (same) same.global ||= global
  else service.expose.push({ port, as: outside, protocol: kind, global })
}

function readParams(name: string, root: Field, profile: ComputeProfile, service: Service, volumes: Manifest['volumes']): void {
  root.fields(
    {
      storage: (list) => {
        for (const [storageName, entry] of list.entries()) {
          const storage = profile.storage.find((s) => s.name === storageName)
          if (!storage)
            return entry.refuse(
              `the compute profile has no storage named ${storageName}`,
              `It has: ${profile.storage.map((s) => s.name).join(', ') || 'none'}.`,
            )
          let path = ''
          let readOnly = false
          entry.fields({
            mount: (field) => void (path = field.matching(/^\/[^\0]*$/, 'an absolute path')),
            readOnly: (field) => void (readOnly = field.boolean()),
          })
          if (path === '') entry.fail('a mount path')
          if (storage.class === 'ram') service.tmpfs.push({ path, sizeMiB: storage.sizeMiB })
          else {
            const volume = `${name}-${storageName}`
            volumes[volume] = { sizeMiB: storage.sizeMiB, class: storage.class }
            service.mounts.push({ volume, path: path.length > 1 ? path.replace(/\/+$/, '') : path, readOnly })
          }
        }
      },
    },
    { permissions: 'A workload has no rights on the worker that runs it; drop "permissions".' },
  )
}

function readCredentials(root: Field): NonNullable<Service['registry']> {
  const result = { host: '', username: '', password: '' }
  root.fields(
    {
      host: (field) => void (result.host = field.text()),
      username: (field) => void (result.username = field.text()),
      password: (field) => void (result.password = field.text()),
    },
    {},
    { email: 'registries do not ask for it' },
  )
  if (!result.host || !result.username) root.fail('host, username and password')
  return result
}
