import {
  AnchorRecord,
  AppPolicyRecord,
  AppRecord,
  ChainEventRecord,
  ChangeRecord,
  ChannelRecord,
  CloisterError,
  DelegationRecord,
  EpochRecord,
  ExitRecord,
  GovernanceRecord,
  IndexStatus,
  KeyRecord,
  LeaseRecord,
  OfferRecord,
  PaymentRecord,
  PoolRecord,
  ProviderRecord,
  PurseRecord,
  pageOf,
  RewardRecord,
  SeatRecord,
  SlashRecord,
  TotalsRecord,
  WorkerRecord,
} from '@cloister/core'
import { readServerSentEvents, type Send } from '@cloister/transport/web'
import * as z from 'zod'
import { fetchJson, reach } from './ask.ts'

type Query = Record<string, string | number | boolean | undefined>

/**
 * All items of a list of the index, a page after the other. Throws what `page` throws.
 *
 * @example
 * ```ts
 * import { everyPage } from '@cloister/sdk'
 *
 * const leases = await everyPage((from) => cloister.index.leases({ tenant: account.address, ...from }))
 * ```
 */
export async function everyPage<T>(
  page: (from: { cursor?: string }) => Promise<{ items: T[]; next?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = []
  for (let next: string | undefined; ; ) {
    const found = await page(next === undefined ? {} : { cursor: next })
    all.push(...found.items)
    next = found.next
    if (next === undefined) return all
  }
}

/**
 * Asks the index. Each answer is checked; what it says is a word to be held against the chain where money or
 * trust hangs on it. Throws `unreachable`, `bad-answer`, and what the index's problem document says, such as
 * `not-found`.
 *
 * @example
 * ```ts
 * import { IndexClient } from '@cloister/sdk'
 *
 * const index = new IndexClient('https://index.example.org')
 * const { items } = await index.leases({ tenant: account.address, open: true })
 * ```
 */
export class IndexClient {
  private readonly url: string
  private readonly answerMs: number
  private readonly send: Send | undefined

  /**
   * `answerMs`: how long an answer may take. `send`: how to reach it, if another way than the global
   * `fetch`.
   */
  constructor(url: string, { answerMs = 15_000, send }: { answerMs?: number; send?: Send | undefined } = {}) {
    this.send = send
    this.url = url.replace(/\/$/, '')
    this.answerMs = answerMs
  }

  status() {
    return this.get('/v1/status', IndexStatus)
  }

  totals() {
    return this.get('/v1/totals', TotalsRecord)
  }

  leases(
    query: {
      tenant?: string
      worker?: string
      provider?: string
      wishedName?: string
      open?: boolean
      limit?: number
      cursor?: string
    } = {},
  ) {
    return this.get('/v1/leases', pageOf(LeaseRecord), query)
  }

  /** The lease of an id, short id or name; undefined where there is none. */
  async findLease(key: string): Promise<LeaseRecord | undefined> {
    return this.lease(key).catch(noneThere)
  }

  /** The worker of an address; undefined where there is none. */
  async findWorker(address: string): Promise<WorkerRecord | undefined> {
    return this.worker(address).catch(noneThere)
  }

  /** By id, short id or name. Throws `not-found`. */
  lease(key: string) {
    return this.get(`/v1/leases/${encodeURIComponent(key)}`, LeaseRecord)
  }

  async workers(query: { provider?: string; covered?: boolean } = {}) {
    return (await this.get('/v1/workers', z.object({ items: z.array(WorkerRecord) }), query)).items
  }

  worker(address: string) {
    return this.get(`/v1/workers/${address}`, WorkerRecord)
  }

  async providers() {
    return (await this.get('/v1/providers', z.object({ items: z.array(ProviderRecord) }))).items
  }

  /** Models that are paid by the token. `open`: those that stand, of leases that are open. */
  offers(
    query: {
      model?: string
      lease?: string
      provider?: string
      tenant?: string
      open?: boolean
      limit?: number
      cursor?: string
    } = {},
  ) {
    return this.get('/v1/offers', pageOf(OfferRecord), query)
  }

  /** An offer by its id, standing or not. Throws `not-found`. */
  offer(id: string) {
    return this.get(`/v1/offers/${id}`, OfferRecord)
  }

  channels(
    query: {
      payer?: string
      payerAuthorizer?: string
      receiver?: string
      limit?: number
      cursor?: string
    } = {},
  ) {
    return this.get('/v1/channels', pageOf(ChannelRecord), query)
  }

  /** Throws `not-found`. */
  channel(id: string) {
    return this.get(`/v1/channels/${id}`, ChannelRecord)
  }

  /** A payer's session keys. */
  async sessionKeys(payer: string) {
    return (await this.get('/v1/keys', z.object({ items: z.array(KeyRecord) }), { payer })).items
  }

  /** Throws `not-found`. */
  sessionKey(key: string) {
    return this.get(`/v1/keys/${key}`, KeyRecord)
  }

  async purses(payer: string) {
    return (await this.get(`/v1/purses/${payer}`, z.object({ items: z.array(PurseRecord) }))).items
  }

  /** Batches of receipts that workers anchored. */
  anchors(query: { lease?: string; worker?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/anchors', pageOf(AnchorRecord), query)
  }

  payments(query: { lease?: string; account?: string; kind?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/payments', pageOf(PaymentRecord), query)
  }

  events(query: { lease?: string; worker?: string; name?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/events', pageOf(ChainEventRecord), query)
  }

  async pools() {
    return (await this.get('/v1/pools', z.object({ items: z.array(PoolRecord) }))).items
  }

  /** One provider's pool. Throws `not-found`. */
  pool(provider: string) {
    return this.get(`/v1/pools/${provider}`, PoolRecord)
  }

  /** Who holds what in which pool, those with most shares first. */
  delegations(query: { provider?: string; account?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/delegations', pageOf(DelegationRecord), query)
  }

  /** Stake that is leaving or has left, what is ready first first. */
  exits(
    query: {
      provider?: string
      account?: string
      state?: ExitRecord['state']
      limit?: number
      cursor?: string
    } = {},
  ) {
    return this.get('/v1/exits', pageOf(ExitRecord), query)
  }

  /** Hours of emission, newest first; of one provider’s pool, or, at most 100 at once, of all. */
  async epochs(query: { provider?: string; before?: number; limit?: number } = {}) {
    return (await this.get('/v1/epochs', z.object({ items: z.array(EpochRecord) }), query)).items
  }

  rewards(query: { provider?: string; account?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/rewards', pageOf(RewardRecord), query)
  }

  slashes(query: { provider?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/slashes', pageOf(SlashRecord), query)
  }

  /** What governance announced, suspended and proposed. */
  governance() {
    return this.get('/v1/governance', GovernanceRecord)
  }

  /** Apps, those registered last first. */
  apps(query: { owner?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/apps', pageOf(AppRecord), query)
  }

  /** An app with its policy, by id. Throws `not-found`. */
  app(id: string) {
    return this.get(`/v1/apps/${id}`, AppPolicyRecord)
  }

  /** Seats of the key service, as they were last filled. */
  async seats() {
    return (await this.get('/v1/seats', z.object({ items: z.array(SeatRecord) }))).items
  }

  /** What each block changes, as it happens. */
  async *changes(signal: AbortSignal): AsyncGenerator<ChangeRecord> {
    const response = await reach('The index', `${this.url}/v1/stream`, { signal }, this.send)
    if (response.body) yield* readServerSentEvents(response.body, ChangeRecord)
  }

  private get<T extends z.ZodType>(path: string, schema: T, query: Query = {}): Promise<z.infer<T>> {
    const search = new URLSearchParams(
      Object.entries(query).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, String(value)] as [string, string]],
      ),
    )
    return fetchJson('The index', `${this.url}${path}${search.size > 0 ? `?${search}` : ''}`, schema, {
      signal: AbortSignal.timeout(this.answerMs),
      ...(this.send && { send: this.send }),
    })
  }
}

function noneThere(error: unknown): undefined {
  if (error instanceof CloisterError && (error.code === 'not-found' || error.details['status'] === 404))
    return undefined
  throw error
}
