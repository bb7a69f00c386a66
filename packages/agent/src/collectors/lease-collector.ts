import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type Collector, type CollectorReport, messageOf, pause, shownCollector } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { DialRules } from '@cloister/transport'
import type { LeaseRunner } from '../leases/runner.ts'
import type { CollectedLine, Source } from './line.ts'
import { type Reading, split } from './otlp.ts'
import { Sender } from './sender.ts'
import type { Position, Spool } from './spool.ts'
import { Way } from './way.ts'

/** Lines are written down after so long, or once there are so many characters of them. */
const GATHER_MS = 1_000
const BATCH_CHARACTERS = 256 * 1024
/** Characters a second of a lease that are sent on, and how many at once; what is beyond is dropped. */
const CHARACTERS_PER_SECOND = 1024 * 1024
const BURST_CHARACTERS = 4 * CHARACTERS_PER_SECOND
/** Characters a second that are read of a container at all: reading takes the worker's own time. */
const READ_PER_SECOND = 8 * CHARACTERS_PER_SECOND
/** Milliseconds between two readings of metrics. */
const MEASURE_MS = 30_000
/** Milliseconds for what waits to be sent once the lease has ended. */
const DRAIN_MS = 30_000
const AGAIN_MS = 1_000

export interface LeaseCollectorParts {
  runner: LeaseRunner
  executor: Pick<Executor, 'logs'>
  spool: Spool
  source: Source
  collectors: readonly Collector[]
  /** What was printed before is not sent, Unix milliseconds. */
  since: number
  rules: DialRules
  /** What the lease uses now. */
  measure: () => Promise<Reading>
  emit: (kind: string, message: string) => void
  now?: () => number
}

/**
 * Follows what a lease's containers print, writes it down and has it sent to its collectors. Reading never
 * waits for sending.
 */
export class LeaseCollector {
  private readonly parts: LeaseCollectorParts
  private readonly senders: Sender[]
  private readonly urls: Map<string, string>
  private gathered: CollectedLine[] = []
  private characters = 0
  private missed = 0
  private positions = new Map<string, Position>()
  private allowance = BURST_CHARACTERS
  private allowedAt: number

  constructor(parts: LeaseCollectorParts) {
    this.parts = parts
    this.allowedAt = (parts.now ?? Date.now)()
    const { collectors, spool, source, rules, emit } = parts
    const keyed = keysOf(collectors)
    this.urls = new Map(keyed.map(([key, { url }]) => [key, url]))
    spool.attend(source.lease, [...this.urls.keys()])
    this.senders = keyed.map(
      ([key, collector]) =>
        new Sender({ collector, key, way: new Way(collector, rules), spool, source, emit }),
    )
  }

  /**
   * Runs until `signal` is aborted, which leaves everything for another to go on with, or until the lease is
   * wiped: then what waits is still sent, for half a minute at most, and forgotten.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { runner, spool, source } = this.parts
    const ending = AbortSignal.any([signal, runner.wiped])
    const [last, late] = [new AbortController(), new AbortController()]
    const stopped = AbortSignal.any([signal, late.signal])
    const sent = Promise.all(this.senders.map((sender) => sender.run(stopped, last.signal)))
    const measured = this.measureAll(ending)
    const gathering = this.gatherAll(ending)
    await this.readAll(ending)
    await Promise.all([gathering, measured])
    this.write()
    last.abort()
    const timer = setTimeout(() => late.abort(), DRAIN_MS)
    await sent
    clearTimeout(timer)
    if (!signal.aborted) spool.forget(source.lease)
  }

  report(): CollectorReport[] {
    const { spool, source } = this.parts
    return this.senders.map(({ key, problem }) => {
      const { sent = 0, dropped = 0, lastSentAt } = spool.cursor(source.lease, key) ?? {}
      return {
        url: shownCollector(this.urls.get(key) ?? ''),
        sent,
        dropped,
        waiting: spool.waiting(source.lease, key),
        ...(lastSentAt !== undefined && { lastSentAt }),
        ...(problem !== undefined && { problem }),
      }
    })
  }

  /** Reads every container there is, and those that come later. */
  private async readAll(signal: AbortSignal): Promise<void> {
    const { runner } = this.parts
    const readers = new Map<string, Promise<void>>()
    while (!signal.aborted) {
      const changed = once(runner.changes, 'change', { signal }).catch(() => {})
      const fresh = runner.report().filter(({ name, logs }) => logs !== false && !readers.has(name))
      for (const { name } of fresh) readers.set(name, this.read(name, signal))
      await changed
    }
    await Promise.all(readers.values())
  }

  private async read(container: string, signal: AbortSignal): Promise<void> {
    const { executor, runner, spool, source, since } = this.parts
    for (;;) {
      const from = this.positions.get(container) ?? spool.position(source.lease, container)
      const skipped = new Skip(from ?? { time: since, count: 0 })
      let read = 0
      let readSince = Date.now()
      try {
        const options = { tail: Number.POSITIVE_INFINITY, follow: true, signal }
        for await (const line of executor.logs(runner.id, container, options)) {
          const position = skipped.past(line.time)
          // An update may have changed who reads it.
          if (!position || !runner.mayRead(container)) continue
          this.take(container, line, position)
          read += line.text.length + 1
          if (read < READ_PER_SECOND) continue
          await pause(1_000 - (Date.now() - readSince), signal)
          read = 0
          readSince = Date.now()
        }
      } catch {
        // An engine that is away, or a container that isn't there any more.
      }
      if (signal.aborted) return
      await pause(AGAIN_MS, signal)
    }
  }

  private take(
    container: string,
    { time, stream, text }: { time: number; stream: 'stdout' | 'stderr'; text: string },
    position: Position,
  ): void {
    this.positions.set(container, position)
    const size = text.length + 1
    const now = (this.parts.now ?? Date.now)()
    this.allowance = Math.min(
      BURST_CHARACTERS,
      this.allowance + ((now - this.allowedAt) / 1000) * CHARACTERS_PER_SECOND,
    )
    this.allowedAt = now
    if (this.allowance < size) {
      this.missed++
      return
    }
    this.allowance -= size
    const [service, replica] = split(container)
    this.gathered.push({ time, service, replica, stream, text })
    this.characters += size
    if (this.characters >= BATCH_CHARACTERS) this.write()
  }

  private async gatherAll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(GATHER_MS, signal)
      this.write()
    }
  }

  /** Writes down what was gathered. */
  private write(): void {
    if (this.positions.size === 0) return
    const { spool, source, emit } = this.parts
    const [lines, positions, missed] = [this.gathered, this.positions, this.missed]
    try {
      spool.add(source.lease, lines, positions, missed)
      this.gathered = []
      this.characters = 0
      this.missed = 0
      this.positions = new Map()
      for (const sender of this.senders) sender.nudge()
    } catch (error) {
      // A full disk, say: it stays gathered, within bounds.
      if (this.characters < 4 * BATCH_CHARACTERS) return
      this.missed += this.gathered.length
      this.gathered = []
      this.characters = 0
      emit('logs-dropped', `Logs could not be kept for their collectors: ${messageOf(error)}`)
    }
  }

  private async measureAll(signal: AbortSignal): Promise<void> {
    if (!this.parts.collectors.some(({ url }) => url.startsWith('otlp'))) return
    while (!signal.aborted) {
      await pause(MEASURE_MS, signal)
      if (signal.aborted) return
      const reading = await this.parts.measure().catch(() => undefined)
      if (reading) await Promise.all(this.senders.map((sender) => sender.measure(reading, signal)))
    }
  }
}

/** Leaves out what was read before: everything up to so many lines of a moment. */
class Skip {
  private readonly from: Position
  private isPast = false
  private time = 0
  private count = 0

  constructor(from: Position) {
    this.from = from
  }

  /** The position after a line, which has not been read before; undefined for one that has. */
  past(time: number): Position | undefined {
    this.count = time === this.time ? this.count + 1 : 1
    this.time = time
    const { from } = this
    if (!this.isPast && (time < from.time || (time === from.time && this.count <= from.count)))
      return undefined
    this.isPast = true
    return { time, count: this.count }
  }
}

/** Collectors by what names them over restarts: their address, and which of those with the same it is. */
function keysOf(collectors: readonly Collector[]): [string, Collector][] {
  const seen = new Map<string, number>()
  return collectors.map((collector) => {
    const count = seen.get(collector.url) ?? 0
    seen.set(collector.url, count + 1)
    // Addresses may have secrets in them.
    return [createHash('sha256').update(`${collector.url} ${count}`).digest('hex'), collector]
  })
}
