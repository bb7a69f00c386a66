import { hashManifest, type LeaseRecord, type OfferRecord, type WorkerRecord } from '@cloister/core'
import { type EndpointOptions, inferenceManifest, readEndpointOptions } from '@cloister/inference/protocol'
import type { Resolver } from '../resolve.ts'
import type { Endpoint, Price } from './endpoint.ts'
import { Standing } from './standing.ts'

/** What is read of an offer, as the index tells it, which has it from the chain. */
type Offered = Pick<OfferRecord, 'lease' | 'input' | 'cached' | 'output' | 'token' | 'options' | 'offeredAt'>

/** A token that prices are in. */
export interface Currency {
  address: string
  symbol: string
  decimals: number
}

/** Milliseconds after which offers are asked for again while somebody asks, and for which old ones do. */
const FRESH_MS = 2_000
const STALE_MS = 600_000
/** Milliseconds after which a lease and its worker are looked up again, besides those that are asked. */
const LOOKED_UP_MS = 30_000
/** Endpoints that a gateway knows. */
const MOST_ENDPOINTS = 2_000
/** Leases that are asked for at a time. */
const AT_ONCE = 16

/** What the index says of an offer's lease and its worker. */
type LookedUp = Pick<Endpoint, 'record' | 'coveredUntil' | 'lookedUpAt'>

/** What the options of an offer say, and the manifest hash that their endpoint's lease has. */
interface ReadOptions {
  text: string
  options: EndpointOptions | undefined
  manifestHash: string
}

/**
 * The endpoints of a network by model. It follows the index while somebody asks. An offer counts where the
 * lease's manifest is the one that its options make, its door is one that the network believes, and its
 * worker is covered: nobody is led to a program that only says what it is.
 */
export class Offers {
  private readonly read: () => Promise<readonly Offered[]>
  private readonly leases: Pick<Resolver<LeaseRecord>, 'find'>
  private readonly workers: Pick<Resolver<WorkerRecord>, 'find'>
  private readonly images: ReadonlySet<string> | undefined
  private texts = new Map<string, ReadOptions>()
  private readonly currencies: ReadonlyMap<string, Currency>
  private endpoints = new Map<string, Endpoint>()
  private models = new Map<string, Endpoint[]>()
  private readAt = Number.NEGATIVE_INFINITY
  private reading: Promise<void> | undefined

  constructor(parts: {
    /** All offers that stand, of open leases. */
    read: () => Promise<readonly Offered[]>
    leases: Pick<Resolver<LeaseRecord>, 'find'>
    workers: Pick<Resolver<WorkerRecord>, 'find'>
    currencies: readonly Currency[]
    /** Digests of doors that are believed; any where there are none. */
    images?: readonly string[] | undefined
  }) {
    this.read = parts.read
    this.leases = parts.leases
    this.workers = parts.workers
    this.images = parts.images && new Set(parts.images)
    this.currencies = new Map(parts.currencies.map((one) => [one.address.toLowerCase(), one]))
  }

  /** What is known; a promise where that is too old to answer with. Rejects where the index is away then. */
  fresh(): undefined | Promise<void> {
    const age = performance.now() - this.readAt
    if (age < FRESH_MS) return undefined
    this.reading ??= this.refresh().finally(() => {
      this.reading = undefined
    })
    if (age >= STALE_MS) return this.reading
    this.reading.catch(() => {})
    return undefined
  }

  /** Endpoints that answer for a model, of open leases. */
  of(model: string): readonly Endpoint[] {
    return this.models.get(model) ?? []
  }

  get all(): Iterable<Endpoint> {
    return this.endpoints.values()
  }

  /** Names that are offered. */
  get names(): ReadonlyMap<string, readonly Endpoint[]> {
    return this.models
  }

  find(lease: string): Endpoint | undefined {
    return this.endpoints.get(lease)
  }

  private async refresh(): Promise<void> {
    const offered = (await this.read()).slice(0, MOST_ENDPOINTS)
    const endpoints = new Map<string, Endpoint>()
    for (let at = 0; at < offered.length; at += AT_ONCE)
      for (const endpoint of await Promise.all(offered.slice(at, at + AT_ONCE).map((one) => this.open(one))))
        if (endpoint) endpoints.set(endpoint.lease, endpoint)
    const models = new Map<string, Endpoint[]>()
    for (const endpoint of endpoints.values())
      for (const name of endpoint.models) models.set(name, [...(models.get(name) ?? []), endpoint])
    const known = new Set<string>(offered.map(({ lease }) => lease))
    this.texts = new Map([...this.texts].filter(([lease]) => known.has(lease)))
    this.endpoints = endpoints
    this.models = models
    this.readAt = performance.now()
  }

  /** The endpoint of an offer; undefined for one that can't be asked, or says nothing that can be read. */
  private async open(offer: Offered): Promise<Endpoint | undefined> {
    const before = this.endpoints.get(offer.lease)
    const found = before && this.isRecent(before) ? before : await this.lookUp(offer, before)
    const { options, manifestHash } = this.optionsOf(offer)
    if (!found || !options || manifestHash !== found.record.manifestHash) return undefined
    if (found.record.state !== 'open' || found.coveredUntil * 1000 < Date.now()) return undefined
    if (this.images && !this.images.has(options.door)) return undefined
    const currency = this.currencies.get(offer.token.toLowerCase())
    return {
      lease: offer.lease,
      models: [options.model, ...(options.aliases ?? [])],
      kinds: options.endpoints,
      contextLength: options.contextLength,
      concurrency: options.concurrency,
      isInside: !('url' in options.engine),
      weights: options.weights?.digest,
      price: priceOf(offer, currency),
      currency: currency?.symbol,
      since: offer.offeredAt,
      record: found.record,
      coveredUntil: found.coveredUntil,
      lookedUpAt: found.lookedUpAt,
      standing: before?.standing ?? new Standing(),
    }
  }

  private isRecent({ lookedUpAt }: Endpoint): boolean {
    return performance.now() - lookedUpAt < LOOKED_UP_MS
  }

  /** Lease and worker of an offer; what was known where the index doesn't say. */
  private async lookUp({ lease }: Offered, before: Endpoint | undefined): Promise<LookedUp | undefined> {
    try {
      const record = await this.leases.find(lease)
      if (!record || !URL.canParse(record.endpoint) || !/^https?:/.test(record.endpoint)) return undefined
      const worker = await this.workers.find(record.worker.toLowerCase())
      return worker && { record, coveredUntil: worker.coveredUntil, lookedUpAt: performance.now() }
    } catch {
      return before
    }
  }

  private optionsOf({ lease, options: text }: Offered): ReadOptions {
    const known = this.texts.get(lease)
    if (known?.text === text) return known
    let read: ReadOptions = { text, options: undefined, manifestHash: '' }
    try {
      const options = readEndpointOptions(text)
      read = { text, options, manifestHash: hashManifest(inferenceManifest(options)) }
    } catch {
      // Anybody publishes anything.
    }
    this.texts.set(lease, read)
    return read
  }
}

function priceOf({ input, cached, output }: Offered, currency: Currency | undefined): Price | undefined {
  const amounts = [input, cached, output].map(Number) as [number, number, number]
  // Nothing is nothing in any currency.
  if (amounts.every((amount) => amount === 0)) return { input: 0, cached: 0, output: 0 }
  if (!currency) return undefined
  const [inputPrice, cachedPrice, outputPrice] = amounts.map((amount) => amount / 10 ** currency.decimals)
  return { input: inputPrice ?? 0, cached: cachedPrice ?? 0, output: outputPrice ?? 0 }
}
