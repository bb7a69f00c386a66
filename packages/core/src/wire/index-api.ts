// What the indexer's HTTP interface says. Amounts are decimal strings in base units of the token, instants
// Unix seconds.
import * as z from 'zod'
import { ATTESTATION_STATES } from '../market/attestation-state.ts'
import { address, bytes32, decimal } from '../shapes.ts'
import { MOST_NOTICE_MINUTES } from '../signed/bid.ts'
import { PeriodRecord } from './stake-api.ts'

const seconds = z.number().describe('Unix seconds')

export const LeaseRecord = z.object({
  lease: bytes32,
  shortId: z.string().max(16),
  /** Granted name: first come among open leases. */
  name: z.string().max(32).optional(),
  /** The name it was opened with, whoever has it. */
  wishedName: z.string().max(32).optional(),
  /** Its place in the group of that name: the tenant's open leases with a place are reached together. */
  replica: z.int().min(0).optional(),
  state: z.enum(['open', 'closed']),
  tenant: address,
  worker: address,
  provider: address,
  token: address,
  ratePerSecond: decimal,
  /** Everything paid in. */
  deposit: decimal,
  /** Settled so far; what has been earned since is known to the chain (`accrued`). */
  spent: decimal,
  /** Part of `spent` that went to the treasury. */
  fee: decimal,
  refund: decimal,
  coveredSeconds: z.number(),
  manifestHash: bytes32,
  openedAt: seconds,
  closedAt: seconds.optional(),
  /** Minutes of notice that its provider has to give; 0 for the market's notice period. */
  noticeMinutes: z.int().min(0).max(MOST_NOTICE_MINUTES).default(0),
  noticeUntil: seconds.optional(),
  /** Turned down by the worker. */
  refused: z.boolean(),
  /** Where the worker answers. */
  endpoint: z.string().max(512),
  /** SHA-256 of the SubjectPublicKeyInfo of the worker's TLS key, as it last attested. */
  tlsKeyHash: bytes32.optional(),
  transaction: bytes32,
})
export type LeaseRecord = z.infer<typeof LeaseRecord>

export const WorkerRecord = z.object({
  worker: address,
  provider: address,
  endpoint: z.string().max(512),
  cpuMilli: z.int(),
  memoryMiB: z.int(),
  diskMiB: z.int(),
  gpus: z.int(),
  gpuClass: z.string().max(32),
  retired: z.boolean(),
  registeredAt: seconds,
  /** Covered until; in the past where the worker is away. */
  coveredUntil: seconds,
  coveredSeconds: z.number(),
  /** Covered part of the time since it was registered, 0 to 1. */
  uptime: z.number(),
  attestation: z.enum(ATTESTATION_STATES),
  /** The machine, SHA-256 of its PPID; what the last accepted quote said, as the fields below. */
  platform: bytes32.optional(),
  /** Of the guest that it runs in. */
  measurement: bytes32.optional(),
  /** SHA-256 of the SubjectPublicKeyInfo of the key it is served with. */
  tlsKeyHash: bytes32.optional(),
  attestedAt: seconds.optional(),
  /**
   * GPUs in confidential mode that verifiers vouched for; without it a GPU class is the worker's own word.
   */
  confirmedGpus: z.object({ gpuClass: z.string().max(32), gpus: z.int(), until: seconds }).optional(),
  openLeases: z.int(),
  leasesServed: z.int(),
})
export type WorkerRecord = z.infer<typeof WorkerRecord>

export const ProviderRecord = z.object({
  provider: address,
  workers: z.int(),
  coveredWorkers: z.int(),
  cpuMilli: z.int(),
  memoryMiB: z.int(),
  gpus: z.int(),
  uptime: z.number(),
  openLeases: z.int(),
  leasesServed: z.int(),
  refusedLeases: z.int(),
  earned: z.array(z.object({ token: address, amount: decimal })),
})
export type ProviderRecord = z.infer<typeof ProviderRecord>

export const PAYMENT_KINDS = ['deposit', 'top-up', 'earning', 'fee', 'refund', 'withdrawal'] as const

export const PaymentRecord = z.object({
  kind: z.enum(PAYMENT_KINDS),
  lease: bytes32.optional(),
  account: address,
  token: address,
  amount: decimal,
  block: z.int(),
  time: seconds,
  transaction: bytes32,
})
export type PaymentRecord = z.infer<typeof PaymentRecord>

export const ChainEventRecord = z.object({
  block: z.int(),
  logIndex: z.int(),
  time: seconds,
  transaction: bytes32,
  name: z.string().max(64),
  lease: bytes32.optional(),
  worker: address.optional(),
  args: z.record(z.string(), z.unknown()),
})
export type ChainEventRecord = z.infer<typeof ChainEventRecord>

export const TotalsRecord = z.object({
  leases: z.int(),
  openLeases: z.int(),
  workers: z.int(),
  coveredWorkers: z.int(),
  providers: z.int(),
  tenants: z.int(),
  cpuMilli: z.int(),
  memoryMiB: z.int(),
  gpus: z.int(),
  paid: z.array(z.object({ token: address, deposits: decimal, spent: decimal, fees: decimal })),
  /** Active stake of all pools, base units of CLOI. */
  staked: decimal,
  /** Emission and fee income of every period since emission began, the present one last. */
  periods: z.array(PeriodRecord),
})
export type TotalsRecord = z.infer<typeof TotalsRecord>

export const IndexStatus = z.object({
  chainId: z.int(),
  market: address,
  block: z.int(),
  blockHash: bytes32.optional(),
  head: z.int(),
  synced: z.boolean(),
  events: z.int(),
  reorganisations: z.int(),
})
export type IndexStatus = z.infer<typeof IndexStatus>

/** What a page of records looks like; `next` goes into `cursor`. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next: z.string().optional() })

/** One message of the live stream: which leases and workers a block changed. */
export const ChangeRecord = z.object({
  block: z.int(),
  reorganised: z.boolean(),
  leases: z.array(bytes32),
  workers: z.array(address),
})
export type ChangeRecord = z.infer<typeof ChangeRecord>

/** A public address of a lease, as a gateway tells it. */
export const GatewayRoute = z.object({
  service: z.string().max(64),
  protocol: z.enum(['http', 'tcp', 'udp']),
  /** Port of the service itself. */
  port: z.int(),
  url: z.string().max(512),
  /** By the lease's name, where it has one. */
  namedUrl: z.string().max(512).optional(),
  /**
   * On the development network: the same on a port of 127.0.0.1, for programs that don't resolve
   * `*.localhost`.
   */
  loopbackUrl: z.string().max(512).optional(),
})
export type GatewayRoute = z.infer<typeof GatewayRoute>
