// What a worker's HTTP interface says. The agent answers in these shapes; whoever asks checks answers
// against them, since a worker is a stranger.
import * as z from 'zod'
import { CloisterError } from '../errors/error.ts'
import { RegistryLogin } from '../manifest/registry-login.ts'
import { address, bytes32 } from '../shapes.ts'
import { SignedBidJson } from '../signed/bid.ts'
import { SignedResizeBidJson } from '../signed/resize-bid.ts'
import { DomainReport } from './domains.ts'

const text = z.string().max(4096)
const time = z.number().describe('Unix milliseconds')

export const RoomReport = z.object({ cpuMilli: z.int(), memoryMiB: z.int(), diskMiB: z.int(), gpus: z.int() })

/** `GET /v1/worker`: what anyone may know of a worker. */
export const WorkerReport = z.object({
  name: text,
  worker: address,
  chainId: z.int(),
  market: address,
  /** Where its evidence comes from. */
  evidence: text,
  /** Why it takes no new leases: its attestation can't be renewed. */
  alarm: text.optional(),
  capacity: RoomReport,
  free: RoomReport,
  gpuClass: text,
  attributes: z.record(z.string(), text),
  isolation: z.object({ engine: text, enforced: z.array(text), missing: z.array(text) }),
  /** Price list by token symbol, whole tokens per hour, where there is one. */
  prices: z.record(
    z.string(),
    z.object({ cpu: text, memoryGiB: text, diskGiB: text, gpu: z.record(z.string(), text) }),
  ),
  /** Leases that end with less notice than the market's: how much, and hundredths of the reserved price. */
  interruptible: z.object({ noticeSeconds: z.int().min(1), percent: z.int().min(1).max(100) }).optional(),
  openLeases: z.int(),
})
export type WorkerReport = z.infer<typeof WorkerReport>

/** Hardware that a worker's guest may run on. */
export const GuestKind = z.enum(['tdx', 'sev-snp', 'nitro'])
export type GuestKind = z.infer<typeof GuestKind>

/**
 * AMD's certificates (PEM) and revocation list (hexadecimal digits), which go along with an SEV-SNP report.
 */
export const SnpCertificates = z.object({
  certificates: z.string().max(64 * 1024),
  revocationList: z.string().max(400_000).optional(),
})

/** `GET /v1/evidence`: a quote about the worker, and what it is bound to. */
export const EvidenceReport = z.object({
  worker: address,
  provider: address,
  kind: GuestKind.default('tdx'),
  /** TDX quote, SEV-SNP report or Nitro document, base64. */
  quote: z.base64().max(100_000),
  /** For SEV-SNP. */
  endorsements: SnpCertificates.optional(),
  /** dstack's event log, JSON. */
  eventLog: z.string().max(4_000_000).optional(),
  /** SHA-256 of the SubjectPublicKeyInfo of the key that this interface is served with. */
  tlsKeyHash: bytes32,
  /** Second half of the report data: the block the quote was made after, or the number that was asked for. */
  freshness: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('block'), number: z.int().min(0), hash: bytes32 }),
    z.object({ kind: z.literal('nonce'), nonce: bytes32 }),
  ]),
})
export type EvidenceReport = z.infer<typeof EvidenceReport>

/** `GET /v1/leases/{id}/statement`: what runs, signed by the worker's key. */
export const StatementReport = z.object({
  lease: bytes32,
  manifestHash: bytes32,
  images: z.record(z.string().max(64), z.string().max(128)),
  instant: z.int().min(0).describe('Unix seconds'),
  signature: z.string().max(200),
})
export type StatementReport = z.infer<typeof StatementReport>

/** A service's HTTP port that the outside reaches, or a TCP or UDP port that the worker forwards. */
export const RouteReport = z.object({
  service: text,
  port: z.int(),
  protocol: z.enum(['http', 'tcp', 'udp']),
  /** As in `<lease>-<label>.<domain>`; empty for TCP and UDP. */
  label: text,
  /** `host:port` on the worker, for TCP and UDP. */
  address: text.optional(),
  /** Whether one of the service's containers takes requests now; not said of TCP and UDP. */
  ready: z.boolean().optional(),
})
export type RouteReport = z.infer<typeof RouteReport>

export const CONTAINER_STATES = [
  'waiting',
  'scheduled',
  'starting',
  'running',
  'unhealthy',
  'restarting',
  'completed',
  'failed',
] as const
export const LEASE_STATES = [
  'waiting',
  'starting',
  'running',
  'degraded',
  'completed',
  'failed',
  /** Held by its tenant. */
  'stopped',
  'closed',
] as const

/** How one container of a lease is doing. */
export const ServiceReport = z.object({
  name: text,
  service: text,
  state: z.enum(CONTAINER_STATES),
  reason: text.optional(),
  restarts: z.int(),
  image: text,
  digest: text,
  startedAt: time.optional(),
  exitCode: z.int().optional(),
  /** When it is started next, where it runs by a schedule. */
  nextStart: time.optional(),
  /** What it prints is kept from everybody, as its manifest says. */
  logs: z.literal(false).optional(),
})
export type ServiceReport = z.infer<typeof ServiceReport>

/** `GET /v1/leases/{id}`: how a lease is doing. */
export const LeaseReport = z.object({
  lease: bytes32,
  state: z.enum(LEASE_STATES),
  /** What its containers and volumes may take together. */
  size: RoomReport.optional(),
  manifestHash: bytes32.optional(),
  /** A manifest that was accepted and is being started. */
  nextManifestHash: bytes32.optional(),
  /** Its images are here, and it starts once the lease is held no more. */
  prepared: z.boolean().optional(),
  /** When a held lease runs again by itself. */
  heldUntil: time.optional(),
  /** The manifest that last failed to start. */
  failed: z.object({ manifestHash: bytes32, reason: text }).optional(),
  services: z.array(ServiceReport),
  routes: z.array(RouteReport),
  /** Its domains; none from workers that serve none. */
  domains: z.array(DomainReport).max(1_024).default([]),
})
export type LeaseReport = z.infer<typeof LeaseReport>

/** `POST /v1/leases/{id}/hold`: whether its containers are to stand still, and for how long at the most. */
export const HoldRequest = z.strictObject({
  held: z.boolean(),
  seconds: z.int().min(10).max(86_400).optional(),
})
export type HoldRequest = z.infer<typeof HoldRequest>

/** Something that happened to a lease. */
export const EventReport = z.object({ id: z.int(), lease: bytes32, time, kind: text, message: text })
export type EventReport = z.infer<typeof EventReport>

/** One line of a service's output. */
export const LogReport = z.object({
  time,
  container: text,
  stream: z.enum(['stdout', 'stderr']),
  text: z.string().max(65_536),
})
export type LogReport = z.infer<typeof LogReport>

/** Lines that were kept. */
export const LogReports = z.array(LogReport).max(100_000)

/** The last `tail` of lines, of a service, a container or all. */
export function linesOf(lines: readonly LogReport[], service: string | undefined, tail: number): LogReport[] {
  const wanted = lines.filter(
    ({ container }) =>
      service === undefined || container === service || container.replace(/-\d+$/, '') === service,
  )
  return wanted.slice(Math.max(0, wanted.length - tail))
}

/** What a reader of logs has to know of a container. */
type Printing = Pick<ServiceReport, 'name' | 'service' | 'logs'>

/**
 * The containers whose lines may be read, of a service, of a container or of all. Throws `forbidden` where
 * there are some, and all of them keep what they print from everybody.
 */
export function readableOf<T extends Printing>(containers: readonly T[], wanted: string | undefined): T[] {
  const found = containers.filter(
    ({ name, service }) => wanted === undefined || service === wanted || name === wanted,
  )
  const readable = found.filter(({ logs }) => logs !== false)
  if (readable.length === 0 && found.length > 0)
    throw new CloisterError(
      'forbidden',
      `What ${wanted ?? 'the lease'} prints is kept from everybody, its tenant included: its manifest says so.`,
    )
  return readable
}

/**
 * `GET /v1/leases/{id}/ended`: what is left of a lease that has ended. What its services printed last is
 * sealed to the tenant's reading key (gzip of the lines as JSON), or in the open where the tenant gave none.
 */
export const EndedReport = z.object({
  lease: bytes32,
  endedAt: time,
  /** When it is wiped. */
  keptUntil: time,
  services: z.array(ServiceReport).max(10_000),
  sealed: z.base64().max(4_000_000).optional(),
  lines: LogReports.optional(),
})
export type EndedReport = z.infer<typeof EndedReport>

/**
 * `PUT /v1/leases/{id}/logins`: logins in place of all that were given before. They are shown to nobody, and
 * wiped with the lease.
 */
export const RegistryLogins = z.strictObject({ logins: z.array(RegistryLogin).max(16) })

/** `GET /v1/leases/{id}/metrics`: what a lease uses now. */
export const MetricsReport = z.object({
  time,
  diskBytes: z.number(),
  diskMiBLimit: z.int(),
  /** Bytes received and sent beyond its containers, where the engine counts them. */
  network: z.object({ received: z.number(), sent: z.number() }).optional(),
  containers: z.array(
    z.object({
      name: text,
      cpuSeconds: z.number(),
      cpuMilliLimit: z.int(),
      memoryBytes: z.number(),
      memoryMiBLimit: z.int(),
      processes: z.int(),
      processesLimit: z.int(),
      restarts: z.int().optional(),
      startedAt: time.optional(),
    }),
  ),
})
export type MetricsReport = z.infer<typeof MetricsReport>

/** A token by which a lease's metrics can be read: its SHA-256, and until when it holds (Unix seconds). */
export const ScrapeToken = z.strictObject({ hash: bytes32, expiresAt: z.int().min(0) })
export type ScrapeToken = z.infer<typeof ScrapeToken>

/** `PUT /v1/leases/{id}/scrape-tokens`: one more, or none any more. */
export const ScrapeTokens = z.strictObject({
  add: ScrapeToken.optional(),
  revoke: z.literal('all').optional(),
})
export type ScrapeTokens = z.infer<typeof ScrapeTokens>

/** A bid in JSON: whole numbers as decimal strings. */
export const BidReport = SignedBidJson
/** `POST /v1/leases/{id}/bids`: the same of a bid for a lease that is there. */
export const ResizeBidReport = SignedResizeBidJson

/** Channels of the WebSocket a command's terminal runs over: the first byte of every binary message. */
export const EXEC_CHANNEL = { stdin: 0, stdout: 1, stderr: 2, exit: 3, resize: 4, endOfInput: 5 } as const

/** What is said on the way to a service: `<lease id>/<label>`. Set by gateways, never taken from outside. */
export const ROUTE_HEADER = 'cloister-route'

/** Says, in a worker's answer to a relayed request, why the answer is its own and no service's. */
export const STATE_HEADER = 'cloister-state'
/**
 * Says more of the state, in words that people get to read: how a service fails, or how large a body may be.
 */
export const STATE_DETAIL_HEADER = 'cloister-state-detail'
/** Why a worker answers a relayed request itself. */
export const ROUTE_STATES = [
  'unknown',
  'starting',
  'failing',
  'too-large',
  'late',
  'unreachable',
  'refused',
  'busy',
] as const
export type RouteState = (typeof ROUTE_STATES)[number]
