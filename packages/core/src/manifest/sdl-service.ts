import { DEFAULT_RESOURCES, plainService } from './defaults.ts'
import { readExtensions } from './extensions.ts'
import type { Field } from './field.ts'
import { readImage } from './image-field.ts'
import { registryHostOf } from './image-reference.ts'
import type { Manifest } from './manifest.ts'
import { CONTAINER_PATH, ENV_PATTERN } from './patterns.ts'
import { LOGIN_PATTERN, PASSWORD_PATTERN, REGISTRY_PATTERN, type RegistryLogin } from './registry-login.ts'
import type { ComputeProfile } from './sdl-compute.ts'
import { readSdlExpose } from './sdl-expose.ts'
import type { Service } from './service.ts'
import type { WishContext } from './wish.ts'

/** How a service is deployed. */
interface Deployed {
  profile: ComputeProfile
  count: number
  /** Takes the volumes and demands of the service. */
  manifest: Manifest
  /** Takes the logins that services name, which go to the worker beside the manifest. */
  logins: RegistryLogin[]
  context: WishContext
}

/**
 * One service of an SDL file with the compute profile it is deployed with. Named storage becomes volumes of
 * the lease.
 */
export function readSdlService(
  name: string,
  root: Field,
  { profile, count, manifest, logins, context }: Deployed,
): Service {
  const service = plainService('')
  service.count = count
  root.knownFields({
    image: (field) => void (service.image = readImage(name, field, context)),
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
      if (!field.isNull) for (const item of field.list()) readSdlExpose(item, service)
    },
    dependencies: (field) => readDependencies(field, service),
    depends_on: (field) => readDependencies(field, service),
    'depends-on': (field) => readDependencies(field, service),
    params: (field) => {
      if (!field.isNull) readParams(name, field, service, profile, manifest)
    },
    credentials: (field) => {
      if (!field.isNull) readCredentials(field, logins)
    },
  })
  if (service.image === '')
    root.refuse('the service has no image', 'Name one under "image", such as ghcr.io/me/app:1.')
  readExtensions(root, service)
  const { cpuMilli, memoryMiB, storage, gpu } = profile
  // Storage without a mount is the container's own disk, whatever its class.
  const storageField = root.get('params')?.get('storage')
  const named =
    storageField && !storageField.isNull ? storageField.entries().map(([n]) => `${name}-${n}`) : []
  const mounted = new Set([...service.mounts.map((m) => m.volume), ...named])
  const own = storage.filter((s) => !mounted.has(`${name}-${s.name}`))
  for (const disk of own) warnOfDisk(name, disk)
  const diskMiB = own.reduce((sum, s) => sum + s.sizeMiB, 0) || DEFAULT_RESOURCES.diskMiB
  service.resources = gpu ? { cpuMilli, memoryMiB, diskMiB, gpu } : { cpuMilli, memoryMiB, diskMiB }
  return service
}

/** Says what of a storage is lost where it is mounted nowhere. */
function warnOfDisk(
  service: string,
  { field, persistent, class: kind, name }: ComputeProfile['storage'][number],
): void {
  const lost = persistent
    ? 'it is not persistent'
    : kind !== 'default'
      ? `its class ${kind} has no effect`
      : name !== 'default'
        ? 'its name has no effect'
        : undefined
  if (lost)
    field.warn(
      `ignored: this storage is mounted nowhere in ${service} and adds to the container's own disk, so ${lost} (see params.storage)`,
    )
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
    if (!ENV_PATTERN.test(name)) item.fail('NAME=value')
    if (equals < 0) item.warn(`the variable ${name} has no value and is empty`)
    env[name] = equals < 0 ? '' : text.slice(equals + 1)
  }
  return env
}

/** `dependencies`, and what people write for it: a list of names or of `service: name`. */
function readDependencies(field: Field, service: Service): void {
  if (field.isNull) return
  const depend = (at: Field) => void service.dependsOn.push({ service: at.text(), condition: 'started' })
  if (field.isMap) for (const [key, entry] of field.entries()) depend(entry.with(key))
  else
    for (const item of field.list()) {
      if (item.isMap) item.knownFields({ service: depend })
      else depend(item)
    }
}

function readParams(
  name: string,
  root: Field,
  service: Service,
  profile: ComputeProfile,
  manifest: Manifest,
): void {
  root.knownFields(
    {
      storage: (list) => {
        if (list.isNull) return
        for (const [storageName, entry] of list.entries())
          readStorage(`${name}-${storageName}`, storageName, entry, service, profile, manifest)
      },
      tee: (field) => {
        const tee = field.text()
        if (tee !== 'cpu' && tee !== 'cpu-gpu') return field.fail('cpu or cpu-gpu')
        if (tee === 'cpu-gpu' && !profile.gpu)
          field.refuse(
            'a TEE of GPUs is asked for, and no GPU',
            'State gpu.units in the compute profile, or tee: cpu.',
          )
        if (manifest.demands?.tee !== undefined && manifest.demands.tee !== tee)
          field.refuse(
            'services of one placement group ask for different TEEs',
            'A lease is on one worker; state the same for all.',
          )
        manifest.demands = { ...manifest.demands, tee }
      },
    },
    {},
    {
      permissions:
        "a workload can't read its lease's deployment, logs or events from inside; read them from outside",
    },
  )
}

function readStorage(
  volume: string,
  name: string,
  entry: Field,
  service: Service,
  profile: ComputeProfile,
  manifest: Manifest,
): void {
  const storage = profile.storage.find((s) => s.name === name)
  if (!storage)
    return entry.refuse(
      `the compute profile has no storage named ${name}`,
      `It has: ${profile.storage.map((s) => s.name).join(', ') || 'none'}.`,
    )
  let path = ''
  let readOnly = false
  entry.knownFields({
    mount: (field) =>
      void (path = field.matching(
        CONTAINER_PATH,
        'an absolute path, without "..", ":" or control characters',
      )),
    readOnly: (field) => void (readOnly = field.boolean()),
  })
  if (path === '') entry.fail('a mount path')
  if (path.length > 1) path = path.replace(/\/+$/, '')
  if (storage.class === 'ram' && path === '/dev/shm') service.shmMiB = storage.sizeMiB
  else if (storage.class === 'ram') service.tmpfs.push({ path, sizeMiB: storage.sizeMiB })
  else {
    manifest.volumes[volume] = { sizeMiB: storage.sizeMiB, class: storage.class }
    service.mounts.push({ volume, path, readOnly })
  }
}

/** A login for the registry of a service's image. It is no part of the manifest, which others get to see. */
function readCredentials(root: Field, logins: RegistryLogin[]): void {
  const login = { host: '', username: '', password: '' }
  root.knownFields(
    {
      host: (field) =>
        void (login.host = registryHostOf(field.matching(REGISTRY_PATTERN, 'the host of a registry'))),
      username: (field) =>
        void (login.username = field.matching(LOGIN_PATTERN, 'a name in one line, without ":"')),
      password: (field) => void (login.password = field.matching(PASSWORD_PATTERN, 'a password in one line')),
    },
    {},
    { email: 'registries do not ask for it' },
  )
  if (login.host === '' || login.username === '' || login.password === '')
    root.fail('host, username and password')
  const other = logins.find(({ host }) => host === login.host)
  if (!other) logins.push(login)
  else if (other.username !== login.username || other.password !== login.password)
    root.refuse(`another service logs in to ${login.host} as somebody else`, 'Use one login for a registry.')
}
