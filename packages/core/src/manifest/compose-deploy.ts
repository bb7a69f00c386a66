import { parseByteValueMiB, parseCpuMilli } from '../units.ts'
import type { Field } from './field.ts'
import { Plain } from './scalar.ts'
import type { Service } from './service.ts'

/** Which resources the file has stated so far. */
export interface Stated {
  cpu: boolean
  memory: boolean
  disk: boolean
}

/** `deploy`: replicas, resources and restart policy. */
export function readDeploy(root: Field, service: Service, stated: Stated): void {
  root.fields(
    {
      replicas: (field) => void (service.count = field.integer(0, 100)),
      resources: (field) => readResources(field, service, stated),
      restart_policy: (field) => readRestartPolicy(field, service),
      mode: (field) => {
        if (!['replicated', 'global'].includes(field.text()))
          field.refuse(`mode ${field.text()} can't be honoured`, 'Use "replicated".')
      },
    },
    {},
    {
      placement: 'a lease is on one worker; choose it by its provider or a policy',
      labels: 'labels have no effect',
      update_config: 'an update replaces all services and goes back if one fails',
      rollback_config: 'an update goes back by itself if a service fails to start',
      endpoint_mode: 'services find each other by name',
    },
  )
}

function readResources(root: Field, service: Service, stated: Stated): void {
  // Limits win over reservations: what a service may use is what is leased.
  for (const key of ['reservations', 'limits'])
    root.get(key)?.fields(
      {
        cpus: (field) => setCpus(field, service, stated),
        memory: (field) => setMemory(field, service, stated),
        pids: (field) => setProcesses(field, service),
        devices: (field) => readGpus(field, service),
      },
      { generic_resources: 'Only CPU, memory, processes and GPUs are offered.' },
    )
  root.fields({ limits: () => {}, reservations: () => {} })
}

/** CPUs, in CPUs; none is no limit, which a lease can't have, so that it gets the default. */
export function setCpus(field: Field, service: Service, stated: Stated): void {
  if (isZero(field)) return
  service.resources.cpuMilli = field.parse(parseCpuMilli)
  stated.cpu = true
}

/** Memory as a Compose byte value; none is no limit, as with CPUs. */
export function setMemory(field: Field, service: Service, stated: Stated): void {
  if (isZero(field)) return
  service.resources.memoryMiB = Math.max(1, field.parse(parseByteValueMiB))
  stated.memory = true
}

/** Processes; 0 and -1 are no limit, so that it gets the default. */
export function setProcesses(field: Field, service: Service): void {
  const count = field.integer(-1, 1_000_000)
  if (count > 0) service.maxProcesses = count
}

function isZero(field: Field): boolean {
  return /^0+(?:\.0+)?$/.test(field.value instanceof Plain ? field.value.printed : field.text())
}

/** `gpus`, or the devices of a reservation: `driver`, `count`, `capabilities: [gpu]`. */
export function readGpus(root: Field, service: Service): void {
  if (root.value === 'all')
    root.refuse('"all" GPUs is not a number', 'State a count; it is what is paid for.')
  for (const item of root.list()) {
    let count: number | undefined
    let vendor = 'nvidia'
    let isGpu = root.path.at(-1) === 'gpus'
    item.fields(
      {
        driver: (field) => void (vendor = field.text()),
        count: (field) => {
          if (field.value === 'all')
            field.refuse('"all" GPUs is not a number', 'State a count; it is what is paid for.')
          count = field.integer(1, 64)
        },
        capabilities: (field) => {
          for (const capability of field.list()) {
            if (['gpu', 'nvidia', 'compute', 'utility'].includes(capability.text()))
              isGpu ||= capability.text() === 'gpu'
            else capability.warn('ignored: GPUs come for computing (compute and utility)')
          }
        },
        options: (field) => field.warn('ignored: driver options have no effect'),
      },
      { device_ids: 'A worker chooses which of its GPUs you get; state a count.' },
    )
    if (!isGpu) item.refuse('only GPUs can be reserved', 'Add capabilities: [gpu].')
    if (count === undefined)
      item.refuse('the number of GPUs is missing', 'State a count; it is what is paid for.')
    service.resources.gpu = { count: count ?? 1, vendor, models: [] }
  }
}

/** What Docker Compose makes of conditions, those among them that are `restart`'s own words. */
const CONDITIONS = {
  none: 'no',
  no: 'no',
  false: 'no',
  'on-failure': 'on-failure',
  any: 'always',
  always: 'always',
  'unless-stopped': 'always',
} as const

function readRestartPolicy(root: Field, service: Service): void {
  root.fields(
    {
      condition: (field) => {
        const found = Object.entries(CONDITIONS).find(([key]) => key === field.text())
        service.restart = {
          ...service.restart,
          policy: found ? found[1] : field.fail('none, on-failure or any'),
        }
      },
      max_attempts: (field) =>
        void (service.restart = { ...service.restart, maxRetries: field.integer(0, 1000) }),
    },
    {},
    {
      delay: 'pauses between restarts begin at half a second and grow',
      window: 'pauses begin anew once a service ran for a while',
    },
  )
}
