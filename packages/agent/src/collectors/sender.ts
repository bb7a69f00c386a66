import { CloisterError, type Collector, GrowingPause, messageOf, pause, shownCollector } from '@cloister/core'
import type { CollectedLine, Source } from './line.ts'
import { lokiPush } from './loki.ts'
import { otlpLogs, otlpMetrics, type Reading } from './otlp.ts'
import type { Batch, Spool } from './spool.ts'
import { syslogFrames } from './syslog.ts'
import { NotTaken, type Way } from './way.ts'

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** The same when nothing more comes, and little time is left. */
const LAST_PAUSE_MS = 2_000
/** The tenant is told of one collector so often at the most. */
const TELL_MS = 5 * 60_000
const LOKI_PATH = '/loki/api/v1/push'

/** What a sender works with. */
export interface SenderParts {
  collector: Collector
  /** Names it among the lease's. */
  key: string
  way: Way
  spool: Spool
  source: Source
  /** Tells the tenant. */
  emit: (kind: string, message: string) => void
  now?: () => number
}

/**
 * Sends one lease's lines to one collector, in their order, each until it is taken or can't ever be. A
 * collector that is slow or away keeps nobody waiting but its own lines, which are dropped once they are too
 * many: that is counted, told in the stream itself and as an event.
 */
export class Sender {
  readonly key: string
  private readonly parts: SenderParts
  private readonly pauses = new GrowingPause({ firstMs: FIRST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS })
  private wake = () => {}
  private isFresh = false
  private toldAt = 0
  private wasTold = false
  private droppedTold = 0
  /** Why it takes nothing just now. */
  problem: string | undefined

  constructor(parts: SenderParts) {
    this.parts = parts
    this.key = parts.key
    this.droppedTold = parts.spool.cursor(parts.source.lease, parts.key)?.dropped ?? 0
  }

  /** There is something new to send. */
  nudge(): void {
    this.isFresh = true
    this.wake()
  }

  /** Sends until `signal` is aborted, or once `last` is, until nothing waits any more. */
  async run(signal: AbortSignal, last?: AbortSignal): Promise<void> {
    const { spool, source, way } = this.parts
    try {
      while (!signal.aborted) {
        this.isFresh = false
        const batch = spool.next(source.lease, this.key)
        if (batch) {
          const waitMs = await this.deliver(batch, signal)
          if (waitMs !== undefined)
            await pause(last?.aborted ? Math.min(waitMs, LAST_PAUSE_MS) : waitMs, signal)
        } else if (last?.aborted) return
        else await this.idle(last ? AbortSignal.any([signal, last]) : signal)
      }
    } finally {
      way.close()
    }
  }

  /** Sends a reading to a collector that takes metrics. One that isn't taken is forgotten, others follow. */
  async measure(reading: Reading, signal: AbortSignal): Promise<void> {
    const { way, source } = this.parts
    if (way.place.kind !== 'otlp') return
    try {
      await way.post(pathOf(way, '/v1/metrics'), otlpMetrics(reading, source), signal)
    } catch (error) {
      this.problem ??= messageOf(error)
    }
  }

  /** Delivers a batch; gives milliseconds to wait before the same is tried again. */
  private async deliver({ seq, lines }: Batch, signal: AbortSignal): Promise<number | undefined> {
    const { spool, source, collector, way } = this.parts
    const { services } = collector
    const wanted = lines.filter(({ service }) => !services || services.includes(service))
    const { dropped = 0, told = 0 } = spool.cursor(source.lease, this.key) ?? {}
    const untold = dropped - told
    this.tellOfDropped(dropped)
    const sent = untold > 0 ? [dropLine(untold), ...wanted] : wanted
    try {
      let rejected = 0
      if (sent.length > 0) {
        const answer = await this.send(sent, signal)
        rejected = Math.min(answer?.rejected ?? 0, wanted.length)
        if (rejected > 0) this.tell(`It refused ${rejected} lines: ${answer?.message}`)
      }
      spool.done(source.lease, this.key, seq, {
        sent: wanted.length - rejected,
        dropped: rejected,
        told: untold,
      })
      this.recovered(way)
      return undefined
    } catch (error) {
      if (signal.aborted) return 0
      const { again, waitMs } =
        error instanceof NotTaken ? error : { again: !(error instanceof CloisterError), waitMs: 0 }
      this.problem = messageOf(error).slice(0, 1_000)
      this.tell(`It takes no logs: ${this.problem}`)
      if (!again) {
        // What it refuses as such it would refuse for ever, and everything behind it would wait.
        spool.done(source.lease, this.key, seq, { sent: 0, dropped: wanted.length, told: 0 })
        return this.pauses.take()
      }
      const ms = this.pauses.take()
      // Those of many leases don't come back all at once.
      return Math.max(waitMs, ms / 2 + Math.random() * (ms / 2))
    }
  }

  private send(lines: CollectedLine[], signal: AbortSignal) {
    const { way, source } = this.parts
    switch (way.place.kind) {
      case 'otlp':
        return way.post(pathOf(way, '/v1/logs'), otlpLogs(lines, source), signal)
      case 'loki': {
        const { pathname } = way.place.url
        return way.post(pathname === '/' ? LOKI_PATH : pathname, lokiPush(lines, source), signal)
      }
      case 'syslog':
        return way.write(syslogFrames(lines, source), signal).then(() => undefined)
    }
  }

  private recovered(way: Way): void {
    this.pauses.reset()
    if (this.wasTold) {
      this.wasTold = false
      this.parts.emit(
        'collector',
        `${shownCollector(this.parts.collector.url)} takes ${way.place.kind === 'syslog' ? 'messages' : 'logs'} again.`,
      )
    }
    this.problem = undefined
  }

  private tell(what: string): void {
    const now = (this.parts.now ?? Date.now)()
    if (this.wasTold || now - this.toldAt < TELL_MS) return
    this.toldAt = now
    this.wasTold = true
    this.parts.emit('collector', `${shownCollector(this.parts.collector.url)}: ${what}`)
  }

  private tellOfDropped(dropped: number): void {
    const now = (this.parts.now ?? Date.now)()
    if (dropped <= this.droppedTold || now - this.toldAt < TELL_MS) return
    this.toldAt = now
    const count = dropped - this.droppedTold
    this.droppedTold = dropped
    this.parts.emit(
      'logs-dropped',
      `${count} lines did not get to ${shownCollector(this.parts.collector.url)}.`,
    )
  }

  private async idle(signal: AbortSignal): Promise<void> {
    if (this.isFresh || signal.aborted) return
    await new Promise<void>((resolve) => {
      this.wake = resolve
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}

/** OTLP's paths come after that of the address (OpenTelemetry protocol exporter, "Endpoint URLs"). */
function pathOf({ place }: Way, path: string): string {
  return `${place.url.pathname.replace(/\/$/, '')}${path}`
}

/** Says in the stream that it has a gap. */
function dropLine(count: number): CollectedLine {
  return {
    time: Date.now(),
    service: 'cloister',
    replica: 0,
    stream: 'stderr',
    text: `${count} lines were dropped before this one: the collector was slow or away, or too much was printed.`,
  }
}
