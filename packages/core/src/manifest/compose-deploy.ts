import { parseByteValueMiB, parseCpuMilli } from '../units.ts'
import { readGpus } from './compose-gpus.ts'
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
