import { everyPage } from '@cloister/client'
import {
  type ChainEventRecord,
  type ChangeRecord,
  type EventReport,
  GrowingPause,
  type LeaseRecord,
  messageOf,
  pause,
} from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { cursorOf, type EventPosition, readCursor } from './event-cursor.ts'

/** What is said at about one time is put into order before it is told. */
const HOLD_MS = 1_000
/** The index is asked again after so long, whatever it tells by itself. */
const LOOK_MS = 30_000
const ANSWER_MS = 10_000
/** A worker keeps events of a lease that has ended; they are asked for a day long. */
const ENDED_SECONDS = 86_400
const PAGE = 100

/** Something that happened to one of a tenant's leases. */
export interface TenantEvent {
  lease: Hex
  /** What the lease was opened as. */
  name: string | undefined
  /** Unix milliseconds, by whoever says it. */
  time: number
  /** `reader`: this program itself says that a worker is away, or answers again. */
  from: 'worker' | 'chain' | 'reader'
  kind: string
  message: string
  /** Where to go on after it. */
  cursor: string
}

/** What the events of all leases are read from. */
export interface EventSources {
  leases(): Promise<LeaseRecord[]>
  ofWorker(
    lease: LeaseRecord,
    after: number,
    follow: boolean,
    signal: AbortSignal,
  ): AsyncIterable<EventReport>
  /** Newest first. */
  ofChain(lease: Hex, cursor?: string): Promise<{ items: ChainEventRecord[]; next?: string | undefined }>
  changes(signal: AbortSignal): AsyncIterable<ChangeRecord>
}

/**
 * What happened to all leases of the account, in the order of time: what workers say, and what the chain has.
 * Goes on after `cursor`. Followed, events come as they happen, leases that are opened meanwhile included; a
 * worker that is away is told of once, and what it says later comes then. Throws `bad-option` for a cursor
 * that is none, and what the index throws at the beginning.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const signal = AbortSignal.timeout(60_000)
 * for await (const { name, kind, message } of leases.allEvents(cloister, { follow: true, signal }))
 *   console.log(name, kind, message)
 * ```
 */
export function allEvents(
  cloister: Cloister,
  wanted: { cursor?: string | undefined; follow?: boolean; signal: AbortSignal },
): AsyncGenerator<TenantEvent> {
  const { index } = cloister
  const tenant = walletOf(cloister).account.address
  return readAll(
    {
      leases: () => everyPage((from) => index.leases({ tenant, limit: PAGE, ...from })),
      ofWorker: (lease, after, follow, signal) =>
        sessionOf(cloister, lease).asTenant.events(lease.lease, { after, follow, signal }),
      ofChain: (lease, cursor) =>
        index.events({ lease, limit: PAGE, ...(cursor !== undefined && { cursor }) }),
      changes: (signal) => index.changes(signal),
    },
    wanted,
  )
}

/** The same, from any sources. */
export async function* readAll(
  sources: EventSources,
  { cursor, follow = false, signal }: { cursor?: string | undefined; follow?: boolean; signal: AbortSignal },
): AsyncGenerator<TenantEvent> {
  const feed = new Feed(sources, readCursor(cursor), signal)
  await feed.begin()
  yield* feed.told(Number.POSITIVE_INFINITY)
  if (!follow) return
  feed.follow()
  while (!signal.aborted) {
    yield* feed.told(Date.now() - HOLD_MS)
    await feed.wait()
  }
}

/** An event on its way to whoever reads. */
interface Held {
  event: Omit<TenantEvent, 'cursor'>
  heardAt: number
  place: { chain: [number, number] } | { worker: string; id: number } | undefined
}

/** Gathers events of all leases, and gives them in the order of time. */
class Feed {
  private readonly sources: EventSources
  private readonly position: EventPosition
  /** Where the chain's events begin that were not told before. */
  private readonly chainFrom: [number, number]
  private readonly signal: AbortSignal
  private readonly known = new Map<Hex, LeaseRecord>()
  /** What was heard, which may not be told yet. */
  private readonly heard = { worker: new Map<Hex, number>(), chain: new Map<Hex, [number, number]>() }
  private held: Held[] = []
  private wake = () => {}

  constructor(sources: EventSources, position: EventPosition, signal: AbortSignal) {
    this.sources = sources
    this.position = position
    this.chainFrom = [...position.chain]
    this.signal = signal
  }

  /** Hears everything there is. */
  async begin(): Promise<void> {
    const fresh = await this.findLeases()
    const late = () => AbortSignal.any([this.signal, AbortSignal.timeout(ANSWER_MS)])
    await Promise.all(
      fresh.map(async (lease) => {
        await this.hearChain(lease)
        await this.hearWorker(lease, false, late()).catch((error) => this.sayAway(lease, error))
      }),
    )
  }

  /** Goes on hearing, until the signal. */
  follow(): void {
    for (const lease of this.known.values()) void this.followWorker(lease)
    void this.followChain()
  }

  /** Events that were heard up to an instant, in the order of time. */
  *told(until: number): Generator<TenantEvent> {
    const ready = this.held.filter(({ heardAt }) => heardAt <= until)
    this.held = this.held.filter(({ heardAt }) => heardAt > until)
    for (const { event, place } of ready.sort((one, other) => one.event.time - other.event.time)) {
      if (place && 'chain' in place) {
        if (isAfter(place.chain, this.position.chain)) this.position.chain = place.chain
      } else if (place) this.position.workers.set(place.worker, place.id)
      yield { ...event, cursor: cursorOf(this.position) }
    }
  }

  async wait(): Promise<void> {
    const waking = new AbortController()
    this.wake = () => waking.abort()
    // What is held has to be told in time, whether more comes or not.
    await pause(this.held.length > 0 ? HOLD_MS / 4 : LOOK_MS, AbortSignal.any([this.signal, waking.signal]))
  }

  /** Leases that weren't known; of those that have ended only those of the last day. */
  private async findLeases(): Promise<LeaseRecord[]> {
    const since = Date.now() / 1000 - ENDED_SECONDS
    const fresh: LeaseRecord[] = []
    for (const lease of await this.sources.leases()) {
      if (lease.closedAt !== undefined && lease.closedAt < since) continue
      if (!this.known.has(lease.lease)) fresh.push(lease)
      this.known.set(lease.lease, lease)
    }
    return fresh
  }

  private async hearWorker(lease: LeaseRecord, follow: boolean, signal: AbortSignal): Promise<void> {
    const key = lease.lease.slice(2, 18)
    const after = this.heard.worker.get(lease.lease) ?? this.position.workers.get(key) ?? 0
    for await (const { id, time, kind, message } of this.sources.ofWorker(lease, after, follow, signal)) {
      if (id <= (this.heard.worker.get(lease.lease) ?? after)) continue
      this.heard.worker.set(lease.lease, id)
      this.hold(lease, { from: 'worker', time, kind, message }, { worker: key, id })
    }
  }

  private async hearChain(lease: LeaseRecord): Promise<void> {
    const seen = this.heard.chain.get(lease.lease) ?? this.chainFrom
    const fresh: ChainEventRecord[] = []
    for (let cursor: string | undefined; ; ) {
      const { items, next } = await this.sources.ofChain(lease.lease, cursor)
      const later = items.filter(({ block, logIndex }) => isAfter([block, logIndex], seen))
      fresh.push(...later)
      if (later.length < items.length || next === undefined) break
      cursor = next
    }
    const [newest] = fresh
    if (newest) this.heard.chain.set(lease.lease, [newest.block, newest.logIndex])
    for (const { block, logIndex, time, name, args } of fresh)
      this.hold(
        lease,
        { from: 'chain', time: time * 1000, kind: name, message: said(args) },
        { chain: [block, logIndex] },
      )
  }

  private async followWorker(lease: LeaseRecord): Promise<void> {
    const pauses = new GrowingPause({ firstMs: 1_000, longestMs: 30_000 })
    let failures = 0
    while (!this.signal.aborted) {
      const before = this.heard.worker.get(lease.lease)
      try {
        await this.hearWorker(lease, true, this.signal)
        failures = 0
      } catch (error) {
        if (this.signal.aborted) return
        // Heard of meanwhile, it was there, and is away anew.
        if (this.heard.worker.get(lease.lease) !== before) failures = 0
        // A connection may end by itself; a worker that can't be asked again is away.
        if (++failures === 2) this.sayAway(lease, error)
      }
      // Of a lease that has ended nothing more comes.
      if (this.known.get(lease.lease)?.closedAt !== undefined) return
      await pauses.wait(this.signal)
    }
  }

  private async followChain(): Promise<void> {
    while (!this.signal.aborted) {
      const round = AbortSignal.any([this.signal, AbortSignal.timeout(LOOK_MS)])
      try {
        await this.hearAll()
        for await (const { leases } of this.sources.changes(round))
          if (leases.length > 0) await this.hearAll()
      } catch {
        // An index that is away is asked again.
      }
      if (!round.aborted) await pause(1_000, round)
    }
  }

  private async hearAll(): Promise<void> {
    for (const lease of await this.findLeases()) void this.followWorker(lease)
    for (const lease of this.known.values()) await this.hearChain(lease)
  }

  private sayAway(lease: LeaseRecord, error: unknown): void {
    const message = `Its worker does not tell what happens: ${messageOf(error)}`
    this.hold(lease, { from: 'reader', time: Date.now(), kind: 'worker-away', message }, undefined)
  }

  private hold(
    { lease, name, wishedName }: LeaseRecord,
    event: Pick<TenantEvent, 'from' | 'time' | 'kind' | 'message'>,
    place: Held['place'],
  ): void {
    this.held.push({ event: { lease, name: name ?? wishedName, ...event }, heardAt: Date.now(), place })
    this.wake()
  }
}

function isAfter([block, index]: [number, number], [thanBlock, thanIndex]: [number, number]): boolean {
  return block > thanBlock || (block === thanBlock && index > thanIndex)
}

/** Arguments of an event of a contract, but for the lease, as a sentence's worth of words. */
function said(args: Record<string, unknown>): string {
  return Object.entries(args)
    .filter(([name]) => name !== 'lease' && name !== 'id')
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ')
}
