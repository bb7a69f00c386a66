import { parseByteValueMiB, parseDurationMs } from '../units.ts'
import type { ComposeContext } from './compose.ts'
import { readDeploy, readGpus, setCpus, setMemory } from './compose-deploy.ts'
import { readComposeConfigs, readComposeMounts, readComposeSecrets, readTmpfs } from './compose-mounts.ts'
import { readComposePorts } from './compose-ports.ts'
import { plainService } from './defaults.ts'
import { parseDotenv } from './dotenv.ts'
import { readExtensions } from './extensions.ts'
import type { Field } from './field.ts'
import type { Service } from './service.ts'
import { splitWords } from './words.ts'

const NO_HOST = 'A lease shares nothing with its host; drop the field.'
const NO_PRIVILEGE = 'Services run without privileges; drop the field.'

const REFUSED: Record<string, string> = {
  privileged: NO_PRIVILEGE,
  cap_add: NO_PRIVILEGE,
  devices: 'GPUs are asked for under deploy.resources.reservations.devices; no other device is offered.',
  device_cgroup_rules: NO_PRIVILEGE,
  pid: NO_HOST,
  ipc: NO_HOST,
  uts: NO_HOST,
  userns_mode: NO_HOST,
  cgroup: NO_HOST,
  cgroup_parent: NO_HOST,
  volumes_from: 'Name the volumes instead.',
  external_links: 'A lease reaches no containers outside itself.',
  extends: 'Write the service out, or use a YAML anchor.',
  credential_spec: NO_HOST,
  sysctls: NO_PRIVILEGE,
  runtime: 'GPUs are asked for under deploy.resources.reservations.devices.',
  provider: 'Provider services are not offered.',
  use_api_socket: NO_HOST,
  extra_hosts: 'Services find each other by name; other names come from DNS.',
  links: 'Services find each other by name; use the service name itself.',
  dns: "Name servers are the worker's; drop the field.",
  post_start: 'Lifecycle hooks are not offered; put the step into the command.',
  pre_stop: 'Lifecycle hooks are not offered; put the step into the command.',
  models: 'Run the model server as a service.',
}

const IGNORED: Record<string, string> = {
  container_name: 'the worker names containers',
  labels: 'labels have no effect',
  annotations: 'annotations have no effect',
  logging: 'logs are kept by the worker and read with `cloister logs`',
  networks: 'the services of a lease share one network of their own',
  cap_drop: 'all capabilities a service could lose are dropped anyway',
  pull_policy: 'an image is pulled where the worker lacks it, by digest',
  stdin_open: 'use `cloister exec` for a terminal',
  tty: 'use `cloister exec` for a terminal',
  init: 'an init process always runs',
  develop: 'it concerns development only',
  attach: 'it concerns the local terminal only',
  scale: 'use deploy.replicas',
  mem_swappiness: 'swap is off',
  memswap_limit: 'swap is off',
  oom_score_adj: 'a service that exceeds its memory ends by itself',
  blkio_config: 'disk bandwidth is not weighted',
  dns_search: 'it has no effect here',
  domainname: 'it has no effect here',
  mac_address: 'it has no effect here',
  label_file: 'labels have no effect',
}

/** One service of a Compose file. */
export function readComposeService(root: Field, context: ComposeContext): Service {
  const service = plainService('')
  service.restart = { policy: 'no' }
  const stated = { cpu: false, memory: false, disk: false }
  root.fields(
    {
      image: (field) => void (service.image = field.matching(/^\S{1,512}$/, 'an image such as ghcr.io/me/app:1')),
      build: (field) => {
        if (!root.get('image')) field.refuse('images are not built on workers', 'Build and push the image, then name it under "image".')
        field.warn('ignored: the image is pulled, not built')
      },
      platform: (field) => {
        const platform = field.text()
        if (platform !== '' && !platform.startsWith('linux/')) field.refuse('workers run Linux', 'Use linux/amd64 or drop the field.')
      },
      profiles: () => {},
      command: (field) => {
        if (!field.isNull) service.command = readWords(field)
      },
      entrypoint: (field) => {
        if (!field.isNull) service.entrypoint = readWords(field)
      },
      environment: () => {},
      env_file: () => {},
      ports: (field) => readComposePorts(field, service),
      expose: (field) => {
        for (const port of field.list()) {
          const number = port.with(port.text().split('/', 1)[0]).integer(1, 65_535)
          if (!service.expose.some((e) => e.port === number)) service.expose.push({ port: number, as: number, protocol: 'tcp', global: false })
        }
      },
      volumes: (field) => readComposeMounts(field, service, context),
      tmpfs: (field) => readTmpfs(field, service),
      configs: (field) => readComposeConfigs(field, service, context),
      secrets: (field) => readComposeSecrets(field, service, context),
      depends_on: (field) => readDependencies(field, service),
      healthcheck: (field) => readHealth(field, service),
      restart: (field) => readRestart(field, service),
      deploy: (field) => readDeploy(field, service, stated),
      gpus: (field) => readGpus(field, service),
      cpus: (field) => setCpus(field, service, stated),
      cpu_count: (field) => setCpus(field, service, stated),
      mem_limit: (field) => setMemory(field, service, stated),
      mem_reservation: (field) => {
        if (!stated.memory && !root.get('mem_limit')) setMemory(field, service, stated)
      },
      pids_limit: (field) => void (service.maxProcesses = field.integer(1, 1_000_000)),
      shm_size: (field) => void (service.shmMiB = Math.max(1, field.parse(parseByteValueMiB))),
      storage_opt: (field) => {
        const size = field.get('size')
        if (!size) field.fail('a size')
        if (size) {
          service.resources.diskMiB = Math.max(1, size.parse(parseByteValueMiB))
          stated.disk = true
        }
      },
      ulimits: (field) => {
        for (const [name, limit] of field.entries()) service.ulimits[name] = readUlimit(limit)
      },
      user: (field) => void (service.user = field.matching(/^[a-zA-Z0-9_.-]{1,32}(:[a-zA-Z0-9_.-]{1,32})?$/, 'user or user:group')),
      working_dir: (field) => void (service.workingDir = field.matching(/^\//, 'an absolute path')),
      hostname: (field) => void (service.hostname = field.matching(/^[a-zA-Z0-9.-]{1,63}$/, 'a host name')),
      read_only: (field) => void (service.readOnlyRoot = field.boolean()),
      stop_signal: (field) => void (service.stopSignal = readSignal(field)),
      stop_grace_period: (field) => void (service.stopGraceMs = field.parse(parseDurationMs)),
      network_mode: (field) => {
        if (!['bridge', 'default'].includes(field.text())) field.refuse(`network_mode ${field.text()} can't be honoured`, NO_HOST)
      },
      security_opt: (field) => {
        for (const option of field.list())
          if (!/^no-new-privileges([:=]true)?$/.test(option.text()))
            option.refuse(`${option.text()} can't be honoured`, 'Services run without new privileges under the default seccomp profile; drop it.')
      },
    },
    REFUSED,
    IGNORED,
  )
  if (service.image === '') root.refuse('the service has no image', 'Name one under "image", such as ghcr.io/me/app:1.')
  service.env = readEnvironment(root, context)
  readExtensions(root, service)
  if (!stated.cpu || !stated.memory)
    root.warn(`resources not stated get defaults: ${service.resources.cpuMilli / 1000} CPU, ${service.resources.memoryMiB} MiB of memory`)
  return service
}

function readWords(field: Field): string[] {
  if (field.isList) return field.list().map((word) => word.text())
  return splitWords(field.text()) ?? field.fail('a command whose quotes are closed')
}

function readEnvironment(root: Field, context: ComposeContext): Record<string, string> {
  const env: Record<string, string> = {}
  const files = root.get('env_file')
  if (files) for (const file of files.isList ? files.list() : [files]) Object.assign(env, readEnvFile(file, context))
  const field = root.get('environment')
  if (!field || field.isNull) return env
  const set = (name: string, value: string | undefined, at: Field) => {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) || name === '__proto__') at.fail('NAME=value')
    const inherited = context.options.env
    if (value !== undefined) env[name] = value
    else if (inherited && Object.hasOwn(inherited, name)) env[name] = inherited[name] ?? ''
    else at.warn(`the variable ${name} has no value here and is left out`)
  }
  if (field.isList) {
    for (const item of field.list()) {
      const text = item.text()
      const equals = text.indexOf('=')
      set(equals < 0 ? text : text.slice(0, equals), equals < 0 ? undefined : text.slice(equals + 1), item)
    }
  } else for (const [name, item] of field.entries()) set(name, item.isNull ? undefined : item.text(), item)
  return env
}

function readEnvFile(field: Field, context: ComposeContext): Record<string, string> {
  const path = (field.isMap ? (field.get('path') ?? field) : field).text()
  const required = field.isMap ? (field.get('required')?.boolean() ?? true) : true
  const content = context.options.readFile?.(path)
  if (content) return parseDotenv(path, Buffer.from(content).toString('utf8'))
  if (required) field.refuse(`the file ${path} can't be read`, 'Paths are relative to the Compose file and stay below its folder.')
  return {}
}

function readDependencies(field: Field, service: Service): void {
  const conditions = { service_started: 'started', service_healthy: 'healthy', service_completed_successfully: 'completed' } as const
  if (field.isList) {
    service.dependsOn = field.list().map((item) => ({ service: item.string(), condition: 'started' as const }))
    return
  }
  for (const [name, entry] of field.entries()) {
    let condition: 'started' | 'healthy' | 'completed' = 'started'
    entry.fields(
      {
        condition: (c) => {
          const found = Object.entries(conditions).find(([key]) => key === c.value)
          condition = found ? found[1] : c.fail(Object.keys(conditions).join(', '))
        },
        required: (required) => void required.boolean(),
      },
      {},
      { restart: 'a service is not restarted because another one is' },
    )
    service.dependsOn.push({ service: name, condition })
  }
}

function readHealth(field: Field, service: Service): void {
  if (field.get('disable')?.value === true) return
  let test: string[] = []
  const health = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, retries: 3 }
  field.fields(
    {
      test: (t) => {
        test = t.isList ? t.list().map((word) => word.text()) : ['CMD-SHELL', t.text()]
        if (test[0] === 'NONE') return
        if (!['CMD', 'CMD-SHELL'].includes(test[0] ?? '') || test.length < 2) t.fail('a list that begins with CMD, CMD-SHELL or NONE, or a string')
      },
      interval: (f) => void (health.intervalMs = f.parse(parseDurationMs)),
      timeout: (f) => void (health.timeoutMs = f.parse(parseDurationMs)),
      start_period: (f) => void (health.startPeriodMs = f.parse(parseDurationMs)),
      retries: (f) => void (health.retries = f.integer(1, 1000)),
      disable: () => {},
    },
    {},
    { start_interval: 'the interval is used from the start' },
  )
  if (test[0] === 'NONE') return
  if (test.length === 0) field.fail('a test')
  service.health = { test, ...health }
}

function readRestart(field: Field, service: Service): void {
  const match = /^(no|always|unless-stopped|on-failure)(?::(\d{1,3}))?$/.exec(field.value === false ? 'no' : field.text())
  if (!match) field.fail('no, always, unless-stopped, on-failure or on-failure:N')
  const policy = match[1] === 'unless-stopped' ? 'always' : (match[1] as Service['restart']['policy'])
  service.restart = match[2] === undefined ? { policy } : { policy, maxRetries: Number(match[2]) }
}

function readUlimit(field: Field): { soft: number; hard: number } {
  if (!field.isMap) {
    const both = field.integer(-1, Number.MAX_SAFE_INTEGER)
    return { soft: both, hard: both }
  }
  const soft = field.get('soft')?.integer(-1, Number.MAX_SAFE_INTEGER)
  const hard = field.get('hard')?.integer(-1, Number.MAX_SAFE_INTEGER)
  if (soft === undefined || hard === undefined) return field.fail('soft and hard')
  return { soft, hard }
}

function readSignal(field: Field): string {
  const name = field.text().toUpperCase()
  return /^(SIG)?[A-Z][A-Z0-9+]{1,11}$/.test(name) ? (name.startsWith('SIG') ? name : `SIG${name}`) : field.fail('a signal such as SIGTERM')
}
