import { parseByteValueMiB, parseDurationMs } from '../units.ts'
import type { ComposeContext } from './compose-context.ts'
import { readDeploy, setCpus, setMemory, setProcesses } from './compose-deploy.ts'
import { readEnvironment } from './compose-environment.ts'
import { readComposeConfigs, readComposeSecrets } from './compose-files.ts'
import { readGpus } from './compose-gpus.ts'
import { readHealth } from './compose-health.ts'
import { readComposeImage } from './compose-image.ts'
import { IGNORED, REFUSED } from './compose-keys.ts'
import { readComposeMounts, readTmpfs } from './compose-mounts.ts'
import { addAlias, readExtraHosts, readLinks, readServiceNetworks } from './compose-names.ts'
import { readComposeExpose, readComposePorts } from './compose-ports.ts'
import {
  readCapabilities,
  readGroups,
  readSecurityOptions,
  readSysctls,
  readUlimits,
} from './compose-privileges.ts'
import { plainService } from './defaults.ts'
import { each } from './every-problem.ts'
import { readExtensions } from './extensions.ts'
import type { Field } from './field.ts'
import { CONTAINER_PATH, HOSTNAME_PATTERN, USER_PATTERN } from './patterns.ts'
import type { Service } from './service.ts'
import { splitWords } from './words.ts'

const NO_HOST = 'A lease shares nothing with its host; drop the field.'

const NO_NETWORK_MODE: Record<string, string> = {
  host: 'Name the ports it listens on under "ports", and drop the field.',
  service: 'Containers have addresses of their own: reach that service by its name, and drop the field.',
  container: 'A lease reaches no containers outside itself; reach services by their names.',
  none: 'Say x-internet: false, or put all services on networks that are internal.',
}

/** One service of a Compose file. A count of 0 is one that isn't wanted. */
export function readComposeService(name: string, root: Field, context: ComposeContext): Service {
  const service = plainService('')
  service.restart = { policy: 'no' }
  const stated = { cpu: false, memory: false, disk: false }
  const elsewhere = () => {}
  const readFields = () =>
    root.fields(
      {
        image: elsewhere,
        build: elsewhere,
        pull_policy: (field) => {
          if (field.text() === 'never' || field.text() === 'build') return
          field.warn('ignored: an image is pulled where the worker lacks it, by digest')
        },
        profiles: elsewhere,
        command: (field) => {
          if (!field.isNull) service.command = readWords(field)
        },
        entrypoint: (field) => {
          if (!field.isNull) service.entrypoint = readWords(field)
        },
        environment: elsewhere,
        env_file: elsewhere,
        container_name: (field) => {
          if (!field.isNothing) addAlias(service, name, field.text(), field)
        },
        networks: (field) => readServiceNetworks(field, name, service, context),
        links: (field) => readLinks(field, service, context),
        extra_hosts: (field) => readExtraHosts(field, service),
        expose: (field) => readComposeExpose(field, service),
        ports: elsewhere,
        volumes_from: (field) => {
          field.warn('its mounts are mounted here as well; volumes that only its image declares are not')
          for (const item of field.list())
            context.implied.push({ service, target: item.text().replace(/:(?:ro|rw)$/, '') })
        },
        volumes: (field) => readComposeMounts(field, service, context),
        tmpfs: (field) => readTmpfs(field, service),
        configs: (field) => readComposeConfigs(field, service, context),
        secrets: (field) => readComposeSecrets(field, service, context),
        depends_on: (field) => readDependencies(field, service),
        healthcheck: (field) => readHealth(field, service),
        restart: (field) => readRestart(field, service),
        scale: (field) => void (service.count = field.integer(0, 100)),
        deploy: (field) => readDeploy(field, service, stated),
        gpus: (field) => readGpus(field, service),
        cpus: (field) => setCpus(field, service, stated),
        cpu_count: (field) => setCpus(field, service, stated),
        mem_limit: (field) => setMemory(field, service, stated),
        mem_reservation: (field) => {
          if (!stated.memory && !root.get('mem_limit')) setMemory(field, service, stated)
        },
        pids_limit: (field) => setProcesses(field, service),
        shm_size: (field) => void (service.shmMiB = Math.max(1, field.parse(parseByteValueMiB))),
        storage_opt: (field) =>
          field.fields({
            size: (size) => {
              service.resources.diskMiB = Math.max(1, size.parse(parseByteValueMiB))
              stated.disk = true
            },
          }),
        ulimits: (field) => void (service.ulimits = readUlimits(field)),
        user: (field) => {
          // What is left of "$UID:$GID" where neither is set; Docker takes the image's user then.
          if (field.value === ':') field.warn('ignored: it names no user')
          else if (!field.isNothing)
            service.user = field
              .with(field.text().replace(/:$/, ''))
              .matching(USER_PATTERN, 'user or user:group')
        },
        group_add: (field) => readGroups(field, service),
        cap_add: elsewhere,
        cap_drop: elsewhere,
        sysctls: (field) => readSysctls(field, service),
        security_opt: (field) => readSecurityOptions(field),
        working_dir: (field) => {
          if (!field.isNothing) service.workingDir = field.matching(CONTAINER_PATH, 'an absolute path')
        },
        hostname: (field) => {
          if (field.isNothing) return
          service.hostname = field.matching(HOSTNAME_PATTERN, 'a host name')
          addAlias(service, name, service.hostname, field)
        },
        read_only: (field) => void (service.readOnlyRoot = field.boolean()),
        init: (field) => {
          if (field.boolean()) service.init = true
        },
        tty: (field) => {
          if (field.boolean()) service.terminal = true
        },
        stdin_open: (field) => {
          if (field.boolean()) service.openStdin = true
        },
        stop_signal: (field) => {
          if (!field.isNothing) service.stopSignal = readSignal(field)
        },
        stop_grace_period: (field) => void (service.stopGraceMs = field.parse(parseDurationMs)),
        platform: (field) => {
          if (!field.isNothing && !/^(?:linux|(?:linux\/)?(?:amd64|x86_64)(?:\/v[1-3])?)$/.test(field.text()))
            field.refuse(
              `images for ${field.text()} are not run`,
              'Workers are linux/amd64; drop the field, or name an image for that.',
            )
        },
        network_mode: (field) => {
          const [mode = ''] = field.text().split(':')
          if (!['', 'bridge', 'default'].includes(mode))
            field.refuse(
              `network_mode ${field.text()} can't be honoured`,
              NO_NETWORK_MODE[mode] ??
                'The services of a lease share one network of their own; drop the field.',
            )
        },
        ipc: (field) => {
          if (!['', 'private', 'none', 'shareable'].includes(field.text()))
            field.refuse(`ipc ${field.text()} can't be honoured`, NO_HOST)
        },
        cgroup: (field) => {
          if (!['', 'private'].includes(field.text()))
            field.refuse(`cgroup ${field.text()} can't be honoured`, NO_HOST)
        },
        isolation: (field) => {
          if (!['', 'default'].includes(field.text()))
            field.refuse(`isolation ${field.text()} can't be honoured`, 'Workers run Linux; drop the field.')
        },
        runtime: (field) => {
          if (!field.isNothing && field.text() !== 'runc')
            field.refuse(
              `the runtime ${field.text()} can't be chosen`,
              'GPUs are asked for under deploy.resources.reservations.devices.',
            )
        },
      },
      REFUSED,
      IGNORED,
    )
  const readPorts = () => {
    const ports = root.get('ports')
    if (ports) readComposePorts(ports, service)
  }
  each(
    [
      () => void (service.image = readComposeImage(name, root, context)),
      readFields,
      readPorts,
      () => readCapabilities(root, service),
      () => void (service.env = readEnvironment(root, context)),
      () => readExtensions(root, service),
    ],
    (read) => read(),
  )
  if (service.image === '')
    root.refuse('the service has no image', 'Name one under "image", such as ghcr.io/me/app:1, or "build".')
  const assumed = [
    ...(stated.cpu ? [] : [`${service.resources.cpuMilli / 1000} CPU`]),
    ...(stated.memory ? [] : [`${service.resources.memoryMiB} MiB of memory`]),
  ]
  if (assumed.length > 0) root.warn(`resources not stated get defaults: ${assumed.join(', ')}`)
  return service
}

function readWords(field: Field): string[] {
  if (field.isList) return field.list().map((word) => word.text())
  const split = splitWords(field.text()) ?? field.fail('a command whose quotes and brackets are closed')
  if (split.rest !== '')
    field.warn(
      `Docker Compose reads no further than before ${JSON.stringify(split.rest.slice(0, 40))}, and neither do we; for a shell write ["sh", "-c", "…"]`,
    )
  return split.words
}

function readDependencies(field: Field, service: Service): void {
  const conditions = {
    service_started: 'started',
    service_healthy: 'healthy',
    service_completed_successfully: 'completed',
  } as const
  if (field.isList) {
    service.dependsOn = field.list().map((item) => ({ service: item.text(), condition: 'started' as const }))
    return
  }
  for (const [name, entry] of field.entries()) {
    const dependency: Service['dependsOn'][number] = { service: name, condition: 'started' }
    entry.fields(
      {
        condition: (c) => {
          const found = Object.entries(conditions).find(([key]) => key === c.value)
          dependency.condition = found ? found[1] : c.fail(Object.keys(conditions).join(', '))
        },
        required: (required) => {
          if (!required.boolean()) dependency.optional = true
        },
      },
      {},
      { restart: 'a service is not restarted because another one is' },
    )
    service.dependsOn.push(dependency)
  }
}

function readRestart(field: Field, service: Service): void {
  const text = field.text()
  if (text === '') return
  const match = /^(no|false|always|unless-stopped|on-failure)(?::(\d{1,3}))?$/.exec(text)
  if (!match) field.fail('no, always, unless-stopped, on-failure or on-failure:N')
  const policy =
    match[1] === 'unless-stopped'
      ? 'always'
      : match[1] === 'false'
        ? 'no'
        : (match[1] as Service['restart']['policy'])
  service.restart = match[2] === undefined ? { policy } : { policy, maxRetries: Number(match[2]) }
}

function readSignal(field: Field): string {
  const name = field.text().toUpperCase()
  return /^(SIG)?[A-Z][A-Z0-9+-]{1,11}$/.test(name)
    ? name.startsWith('SIG')
      ? name
      : `SIG${name}`
    : field.fail('a signal such as SIGTERM')
}
