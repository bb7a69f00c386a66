import { ChainEventRecord, ChangeRecord, IndexStatus, LeaseRecord, PaymentRecord, ProviderRecord, pageOf, TotalsRecord, WorkerRecord } from '@cloister/core'
import { z } from 'zod'
import { fetchJson, reach } from './http.ts'
import { readServerSentEvents } from './server-sent-events.ts'

type Query = Record<string, string | number | boolean | undefined>

/** Asks the indexer. Every answer is checked. */
export class IndexClient {
  private readonly url: string

  constructor(url: string) {
    this.url = url.replace(/\/$/, '')
  }

  status() {
    return this.get('/v1/status', IndexStatus)
  }

  totals() {
    return this.get('/v1/totals', TotalsRecord)
  }

  leases(query: { tenant?: string; worker?: string; provider?: string; open?: boolean; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/leases', pageOf(LeaseRecord), query)
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

  payments(query: { lease?: string; account?: string; kind?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/payments', pageOf(PaymentRecord), query)
  }

  events(query: { lease?: string; worker?: string; name?: string; limit?: number; cursor?: string } = {}) {
    return this.get('/v1/events', pageOf(ChainEventRecord), query)
  }

  /** What each block changes, as it happens. */
  async *changes(signal: AbortSignal): AsyncGenerator<ChangeRecord> {
    const response = await reach('The index', `${this.url}/v1/stream`, { signal })
    if (response.body) yield* readServerSentEvents(response.body, ChangeRecord)
  }

  private get<T extends z.ZodType>(path: string, schema: T, query: Query = {}): Promise<z.infer<T>> {
    const search = new URLSearchParams(Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)] as [string, string]])))
    return fetchJson('The index', `${this.url}${path}${search.size > 0 ? `?${search}` : ''}`, schema)
  }
}
