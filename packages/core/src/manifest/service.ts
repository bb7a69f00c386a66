import * as z from 'zod'
import { MAX_DURATION_MS } from '../units.ts'
import { Domain, MOST_DOMAINS } from './domains.ts'
import { GpuKind } from './gpu.ts'
import {
  ALIAS_PATTERN,
  CONTAINER_PATH,
  ENV_PATTERN,
  GROUP_PATTERN,
  HOSTNAME_PATTERN,
  IMAGE_PATTERN,
  NAME_PATTERN,
  NO_ZERO_BYTE,
  SECRET_NAME_PATTERN,
  USER_PATTERN,
} from './patterns.ts'
import { CAPABILITIES, isOwnSysctl } from './privileges.ts'
import { parseSchedule } from './schedule.ts'
import { SentBlob } from './sent.ts'

const secretName = z.string().regex(SECRET_NAME_PATTERN)
const name = z.string().regex(NAME_PATTERN)
const path = z.string().regex(CONTAINER_PATH)
const id = z.int().min(0).max(0xfffffffe)
export const mib = z
  .int()
  .min(1)
  .max(1 << 30)
const milliseconds = z.int().min(0).max(MAX_DURATION_MS)
const port = z.int().min(1).max(65_535)
const words = z.array(z.string().max(65_536).regex(NO_ZERO_BYTE)).max(1024)

const Gpu = z.strictObject({
  count: z.int().min(1).max(64),
  vendor: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /**
   * Acceptable models, any of them; empty means any model of the vendor. `*` is any model with what else is
   * said.
   */
  models: z.array(GpuKind),
})

/** Failures of a health check, one after another, that a manifest may wait for. */
export const MAX_RETRIES = 1_000

/** Where a file goes, and who may do what with it. */
const placed = {
  path,
  mode: z.int().min(0).max(0o777),
  secret: z.boolean(),
  uid: id.optional(),
  gid: id.optional(),
  /** The container may write to it; made anew, it begins again as it was sent. */
  writable: z.literal(true).optional(),
}

/** What is not said is as the image says, else Docker's default. */
const Health = z.strictObject({
  /** `['CMD', …]` runs as it is, `['CMD-SHELL', line]` in the container's shell. */
  test: words.min(2).optional(),
  intervalMs: milliseconds.optional(),
  timeoutMs: milliseconds.optional(),
  startPeriodMs: milliseconds.optional(),
  retries: z.int().min(1).max(MAX_RETRIES).optional(),
})

/** How the gateway treats an HTTP port. What is not said is as the gateway has it for all. */
const HttpOptions = z.strictObject({
  /** Longest body of a request. */
  maxBodyBytes: z
    .int()
    .min(1)
    .max(1 << 30)
    .optional(),
  /** Longest silence of the service while its answer is awaited or under way. */
  readTimeoutMs: milliseconds.min(1).optional(),
  /** Longest time in which the service takes nothing of a request. */
  sendTimeoutMs: milliseconds.min(1).optional(),
  /** The service speaks HTTP/2 without TLS (gRPC does). */
  version: z.literal('h2').optional(),
})

export const Service = z.strictObject({
  image: z.string().regex(IMAGE_PATTERN),
  /** Replaces the image's entrypoint. */
  entrypoint: words.optional(),
  /** Replaces the image's command. */
  command: words.optional(),
  env: z.record(z.string().regex(ENV_PATTERN), z.string().max(131_072).regex(NO_ZERO_BYTE)),
  workingDir: path.optional(),
  user: z.string().regex(USER_PATTERN).optional(),
  /** Further groups of its processes, by name or number. */
  groups: z.array(z.string().regex(GROUP_PATTERN)).min(1).max(64).optional(),
  count: z.int().min(1).max(100),
  expose: z.array(
    z.strictObject({
      port,
      /** Port the outside sees; HTTP is always reachable through the gateway as well. */
      as: port,
      protocol: z.enum(['http', 'tcp', 'udp']),
      /** Reachable from outside the lease. */
      global: z.boolean(),
      http: HttpOptions.optional(),
      /** Domains of the tenant's own that lead here; see docs/networking.md. */
      domains: z.array(Domain).min(1).max(MOST_DOMAINS).optional(),
      /** A connection begins with the client's address, in this version of the PROXY protocol. */
      proxy: z.enum(['v1', 'v2']).optional(),
    }),
  ),
  mounts: z.array(
    z.strictObject({
      volume: name,
      path,
      readOnly: z.boolean(),
      /** A fresh volume stays empty; else it begins with what the image has at the path. */
      noCopy: z.literal(true).optional(),
    }),
  ),
  tmpfs: z.array(
    z.strictObject({
      path,
      sizeMiB: mib,
      mode: z.int().min(0).max(0o1777).optional(),
      uid: id.optional(),
      gid: id.optional(),
    }),
  ),
  /** MiB of /dev/shm, 64 if not given. */
  shmMiB: mib.optional(),
  /**
   * Files put into the container before it starts: configs and secrets, and others too large to be in here,
   * which the tenant sends beside the manifest.
   */
  files: z.array(
    z.union([
      z.strictObject({ ...placed, content: z.base64() }),
      z.strictObject({ ...placed, blob: SentBlob }),
    ]),
  ),
  /**
   * Secrets whose values come sealed, beside the manifest: as a variable of that name, or as a file where
   * there is a path.
   */
  sealed: z
    .array(z.strictObject({ name: secretName, path: path.optional() }))
    .min(1)
    .max(256)
    .optional(),
  /** Nobody runs commands in its containers, the tenant included. */
  exec: z.literal(false).optional(),
  /** What its containers print is kept from everybody, the tenant included, and nowhere written down. */
  logs: z.literal(false).optional(),
  /** The worker's agent answers at `AGENT_SOCKET` in its containers. */
  agentSocket: z.literal(true).optional(),
  dependsOn: z.array(
    z.strictObject({
      service: name,
      condition: z.enum(['started', 'healthy', 'completed']),
      /** It starts all the same where that one fails. */
      optional: z.literal(true).optional(),
    }),
  ),
  /** `none` switches the image's own check off. */
  health: z.union([z.literal('none'), Health]).optional(),
  restart: z.strictObject({
    policy: z.enum(['no', 'on-failure', 'always']),
    maxRetries: z.int().min(0).max(1000).optional(),
  }),
  /**
   * When it is started, in place of at once: five fields of cron, in UTC. One that still runs then is not
   * started again, and what was missed is not made up for.
   */
  schedule: z
    .string()
    .refine((text) => parseSchedule(text) === text, 'not five fields of cron')
    .optional(),
  resources: z.strictObject({
    cpuMilli: z.int().min(1).max(1_024_000),
    memoryMiB: mib,
    diskMiB: mib,
    gpu: Gpu.optional(),
  }),
  maxProcesses: z.int().min(1).max(1_000_000),
  ulimits: z.record(
    z.string().regex(/^[a-z]{2,16}$/),
    z.strictObject({ soft: z.int().min(-1), hard: z.int().min(-1) }),
  ),
  readOnlyRoot: z.boolean(),
  /** What root in the container may do, in place of `DEFAULT_CAPABILITIES`; names without `CAP_`. */
  capabilities: z.array(z.enum(CAPABILITIES)).optional(),
  /** Kernel settings of the container's own namespaces. */
  sysctls: z
    .record(
      z.string().refine(isOwnSysctl, 'not a setting of a container of its own'),
      z.string().regex(/^-?[0-9][0-9 \t-]{0,63}$/),
    )
    .optional(),
  hostname: z.string().regex(HOSTNAME_PATTERN).optional(),
  /** Further names by which the lease's containers reach it. */
  aliases: z.array(z.string().regex(ALIAS_PATTERN)).min(1).max(64).optional(),
  /** Names that stand for addresses outside the lease, in its containers. */
  hosts: z.record(z.string().regex(ALIAS_PATTERN), z.union([z.ipv4(), z.ipv6()])).optional(),
  /** A first process that reaps orphans and passes signals on. */
  init: z.literal(true).optional(),
  /** Its output is a terminal. */
  terminal: z.literal(true).optional(),
  /** Its standard input stays open, without anything to read. */
  openStdin: z.literal(true).optional(),
  /** The image's, else SIGTERM, if not given. */
  stopSignal: z
    .string()
    .regex(/^SIG[A-Z0-9+-]{2,12}$/)
    .optional(),
  stopGraceMs: milliseconds,
  /**
   * Runs in it once its provider gave notice: `['CMD', …]` as it is, `['CMD-SHELL', line]` in the container's
   * shell.
   */
  onNotice: words.min(2).optional(),
})

export type Service = z.infer<typeof Service>
export type Gpu = z.infer<typeof Gpu>
export type Health = z.infer<typeof Health>
export type HttpOptions = z.infer<typeof HttpOptions>
export type Exposure = Service['expose'][number]
