import { z } from 'zod'

/** Names of services, volumes and attributes: letters, digits, `.`, `_`, `-`, starting with a letter or digit. */
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,45}$/
const ENV_PATTERN = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]{0,254}$/
/** Names of sealed secrets; without a path they are names of variables. */
export const SECRET_NAME_PATTERN = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]{0,127}$/
const ABSOLUTE_PATH = /^\/(?!.*(^|\/)\.\.(\/|$))[^\0]{0,1023}$/

/** Where a container finds the worker's agent, if its manifest asks for it. */
export const AGENT_SOCKET = '/run/cloister/agent.sock'

const secretName = z.string().regex(SECRET_NAME_PATTERN)
const name = z.string().regex(NAME_PATTERN)
const path = z.string().regex(ABSOLUTE_PATH)
const mib = z
  .int()
  .min(1)
  .max(1 << 30)
const milliseconds = z
  .int()
  .min(0)
  .max(366 * 86_400_000)
const port = z.int().min(1).max(65_535)
const words = z.array(z.string().max(65_536)).max(1024)

const Gpu = z.strictObject({
  count: z.int().min(1).max(64),
  vendor: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** Acceptable models, any of them; empty means any model of the vendor. */
  models: z.array(
    z.strictObject({
      model: z.string().regex(/^[a-z0-9._-]{1,32}$/),
      memoryMiB: mib.optional(),
      interface: z
        .string()
        .regex(/^[a-z0-9-]{1,16}$/)
        .optional(),
    }),
  ),
})

const Health = z.strictObject({
  /** `['CMD', …]` runs as it is, `['CMD-SHELL', line]` in the container's shell. */
  test: words.min(2),
  intervalMs: milliseconds,
  timeoutMs: milliseconds,
  startPeriodMs: milliseconds,
  retries: z.int().min(1).max(1000),
})

const Service = z.strictObject({
  image: z.string().min(1).max(512),
  /** Credentials for the image's registry. */
  registry: z.strictObject({ host: z.string().max(255), username: z.string().max(255), password: z.string().max(4096) }).optional(),
  /** Replaces the image's entrypoint. */
  entrypoint: words.optional(),
  /** Replaces the image's command. */
  command: words.optional(),
  env: z.record(z.string().regex(ENV_PATTERN), z.string().max(131_072)),
  workingDir: path.optional(),
  user: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,32}(:[a-zA-Z0-9_.-]{1,32})?$/)
    .optional(),
  count: z.int().min(1).max(100),
  expose: z.array(
    z.strictObject({
      port,
      /** Port the outside sees; HTTP is always reachable through the gateway as well. */
      as: port,
      protocol: z.enum(['http', 'tcp', 'udp']),
      /** Reachable from outside the lease. */
      global: z.boolean(),
    }),
  ),
  mounts: z.array(z.strictObject({ volume: name, path, readOnly: z.boolean() })),
  tmpfs: z.array(z.strictObject({ path, sizeMiB: mib })),
  /** Files put into the container before it starts: configs and secrets. */
  files: z.array(z.strictObject({ path, content: z.base64(), mode: z.int().min(0).max(0o777), secret: z.boolean() })),
  /** Secrets whose values come sealed, beside the manifest: as a variable of that name, or as a file where there is a path. */
  sealed: z
    .array(z.strictObject({ name: secretName, path: path.optional() }))
    .min(1)
    .max(256)
    .optional(),
  /** Nobody runs commands in its containers, the tenant included. */
  exec: z.literal(false).optional(),
  /** The worker's agent answers at `AGENT_SOCKET` in its containers. */
  agentSocket: z.literal(true).optional(),
  dependsOn: z.array(z.strictObject({ service: name, condition: z.enum(['started', 'healthy', 'completed']) })),
  health: Health.optional(),
  restart: z.strictObject({ policy: z.enum(['no', 'on-failure', 'always']), maxRetries: z.int().min(0).max(1000).optional() }),
  resources: z.strictObject({ cpuMilli: z.int().min(1).max(1_024_000), memoryMiB: mib, diskMiB: mib, gpu: Gpu.optional() }),
  maxProcesses: z.int().min(1).max(1_000_000),
  ulimits: z.record(z.string().regex(/^[a-z]{2,16}$/), z.strictObject({ soft: z.int().min(-1), hard: z.int().min(-1) })),
  readOnlyRoot: z.boolean(),
  hostname: z
    .string()
    .regex(/^[a-zA-Z0-9.-]{1,63}$/)
    .optional(),
  stopSignal: z.string().regex(/^SIG[A-Z0-9+]{2,12}$/),
  stopGraceMs: milliseconds,
})

/**
 * What to run, in canonical form: everything is stated, nothing is left to defaults, and nothing in it depends on the
 * machine it was written on. Sizes in MiB, times in milliseconds, CPUs in thousandths.
 */
export const Manifest = z
  .strictObject({
    version: z.literal(1),
    services: z.record(name, Service),
    volumes: z.record(name, z.strictObject({ sizeMiB: mib, class: z.string().regex(/^[a-z0-9-]{1,32}$/) })),
    /** What the worker must say of itself, all of it. */
    attributes: z.record(name, z.string().max(255)),
  })
  .superRefine((manifest, context) => {
    const services = Object.entries(manifest.services)
    if (services.length === 0 || services.length > 64) context.addIssue({ code: 'custom', path: ['services'], message: 'one to 64 services are needed' })
    for (const [serviceName, service] of services) {
      const at = (message: string) => context.addIssue({ code: 'custom', path: ['services', serviceName], message })
      const secrets = service.sealed?.map((secret) => secret.path ?? secret.name) ?? []
      if (new Set(secrets).size < secrets.length) at('takes a sealed secret twice at the same place')
      for (const secret of service.sealed ?? [])
        if (secret.path === undefined && Object.hasOwn(service.env, secret.name)) at(`has the variable ${secret.name} both sealed and in the open`)
      for (const mount of service.mounts) if (!Object.hasOwn(manifest.volumes, mount.volume)) at(`mounts the unknown volume ${mount.volume}`)
      for (const { service: other } of service.dependsOn) if (!Object.hasOwn(manifest.services, other)) at(`depends on the unknown service ${other}`)
    }
    const cycle = findCycle(manifest.services)
    if (cycle) context.addIssue({ code: 'custom', path: ['services'], message: `dependencies form a circle: ${cycle.join(' → ')}` })
  })

export type Manifest = z.infer<typeof Manifest>
export type Service = z.infer<typeof Service>
export type Gpu = z.infer<typeof Gpu>
export type Health = z.infer<typeof Health>
export type Exposure = Service['expose'][number]

function findCycle(services: Record<string, { dependsOn: { service: string }[] }>): string[] | undefined {
  const done = new Set<string>()
  const visit = (current: string, trail: string[]): string[] | undefined => {
    if (trail.includes(current)) return [...trail.slice(trail.indexOf(current)), current]
    if (done.has(current)) return undefined
    for (const { service } of services[current]?.dependsOn ?? []) {
      const cycle = visit(service, [...trail, current])
      if (cycle) return cycle
    }
    done.add(current)
    return undefined
  }
  for (const start of Object.keys(services)) {
    const cycle = visit(start, [])
    if (cycle) return cycle
  }
  return undefined
}
