import { GrowingPause, messageOf, pause } from '@cloister/core'
import { readText } from '@cloister/transport'
import { otlpTraces } from './otlp.ts'
import type { TraceSettings } from './settings.ts'
import type { Span } from './span.ts'

/** Spans that wait at most, each about a kilobyte; further ones are dropped. */
const MOST_WAITING = 2_048
const MOST_AT_ONCE = 512
const GATHER_MS = 2_000
const ANSWER_MS = 10_000
const MAX_ANSWER_BYTES = 64 * 1024
/** The same spans are sent so often at most. */
const MOST_TRIES = 5
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
const CLOSE_MS = 2_000
/** It tells something so often at the most. */
const TELL_MS = 60_000
/** Statuses after which the same is sent again (OTLP 1.x, "Failures"). */
const AGAIN = new Set([429, 502, 503, 504])

/** What an exporter works with. */
export interface ExporterParts extends Omit<TraceSettings, 'ratio'> {
  /** Is told when the collector takes none, and when it does again. */
  tell: (message: string) => void
  /** Milliseconds that spans are gathered for, of the first pause after a failure, between two messages. */
  gatherMs?: number
  firstPauseMs?: number
  tellMs?: number
}

/** A collector took nothing. */
class NotTaken extends Error {
  readonly again: boolean
  readonly waitMs: number

  /** `waitMs`: what it asked for. */
  constructor(message: string, again: boolean, waitMs = 0) {
    super(message)
    this.again = again
    this.waitMs = waitMs
  }
}

/**
 * Sends spans to a collector in the background, many at once. Nobody waits for it, and it keeps a bounded
 * number: what a slow or silent collector doesn't take is dropped and counted.
 */
export class Exporter {
  private readonly parts: ExporterParts
  private readonly pauses: GrowingPause
  private waiting: Span[] = []
  private dropped = 0
  private timer: NodeJS.Timeout | undefined
  private sending: Promise<void> | undefined
  private isAway = false
  private toldAt = Number.NEGATIVE_INFINITY
  /** Nothing is gathered and nothing is tried twice any more. */
  private readonly closing = new AbortController()
  private readonly end = new AbortController()

  constructor(parts: ExporterParts) {
    this.parts = parts
    this.pauses = new GrowingPause({
      firstMs: parts.firstPauseMs ?? FIRST_PAUSE_MS,
      longestMs: LONGEST_PAUSE_MS,
    })
  }

  /** Takes a span to send. Never throws, and never waits. */
  add(span: Span): void {
    if (this.waiting.length >= MOST_WAITING || this.closing.signal.aborted) {
      this.dropped++
      return
    }
    this.waiting.push(span)
    this.plan()
  }

  /** Sends what waits, for two seconds at most, and takes no more. Never rejects. */
  async close(): Promise<void> {
    this.closing.abort()
    const timer = setTimeout(() => this.end.abort(), CLOSE_MS)
    this.send()
    await this.sending
    clearTimeout(timer)
  }

  /** Sends soon, where that isn't under way. */
  private plan(): void {
    if (this.sending) return
    if (this.waiting.length >= MOST_AT_ONCE) this.send()
    else this.timer ??= setTimeout(() => this.send(), this.gatherMs).unref()
  }

  private send(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.sending ??= this.sendWaiting().finally(() => {
      this.sending = undefined
      if (this.waiting.length > 0) this.plan()
    })
  }

  private get gatherMs(): number {
    return this.parts.gatherMs ?? GATHER_MS
  }

  private async sendWaiting(): Promise<void> {
    while (this.waiting.length > 0) {
      const spans = this.waiting.splice(0, MOST_AT_ONCE)
      await this.deliver(spans)
      if (this.waiting.length < MOST_AT_ONCE) await pause(this.gatherMs, this.closing.signal)
    }
  }

  /** Sends spans until they are taken, can't ever be, or were tried often enough. */
  private async deliver(spans: readonly Span[]): Promise<void> {
    const body = JSON.stringify(otlpTraces(spans, this.parts.service))
    for (let tries = 1; ; tries++) {
      try {
        const rejected = await this.post(body)
        this.dropped += rejected
        return this.taken()
      } catch (error) {
        const { again, waitMs } = error instanceof NotTaken ? error : { again: true, waitMs: 0 }
        const isLast = !again || tries >= MOST_TRIES || this.closing.signal.aborted
        if (isLast) this.dropped += spans.length
        // `fetch` says why in its cause.
        this.tellAway(messageOf((error as Error).cause ?? error))
        await pause(Math.max(this.pauses.take(), waitMs), this.closing.signal)
        if (isLast) return
      }
    }
  }

  /** Posts spans; gives how many of them were refused. Throws `NotTaken`, and what `fetch` throws. */
  private async post(body: string): Promise<number> {
    const { url, headers } = this.parts
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: { ...headers, 'content-type': 'application/json' },
      redirect: 'error',
      signal: AbortSignal.any([this.end.signal, AbortSignal.timeout(ANSWER_MS)]),
    })
    const said = await readText(response.body, MAX_ANSWER_BYTES)
    if (response.ok) return rejectedIn(said)
    const seconds = Number(response.headers.get('retry-after'))
    const waitMs = seconds > 0 ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : 0
    throw new NotTaken(`it answers ${response.status}`, AGAIN.has(response.status), waitMs)
  }

  private tellAway(why: string): void {
    if (this.isAway || !this.mayTell()) return
    this.isAway = true
    this.parts.tell(`the collector of traces takes none: ${why}`)
  }

  private taken(): void {
    this.pauses.reset()
    if (!(this.isAway || this.dropped > 0) || !this.mayTell()) return
    const lost = this.dropped === 0 ? '' : `; ${this.dropped} spans were dropped`
    this.parts.tell(`the collector of traces takes them${lost}`)
    this.dropped = 0
    this.isAway = false
  }

  private mayTell(): boolean {
    const now = performance.now()
    if (now - this.toldAt < (this.parts.tellMs ?? TELL_MS)) return false
    this.toldAt = now
    return true
  }
}

/** Spans that an `ExportTraceServiceResponse` says were refused ("Partial Success"). */
function rejectedIn(said: string): number {
  try {
    const count = Number(JSON.parse(said)?.partialSuccess?.rejectedSpans ?? 0)
    return Number.isSafeInteger(count) && count > 0 ? count : 0
  } catch {
    // It took them all the same.
    return 0
  }
}
