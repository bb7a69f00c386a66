import { randomBytes } from 'node:crypto'
import { parseTraceparent } from './parent.ts'
import { OpenSpan, type Span } from './span.ts'

/** Hex digits at the end of a trace's id that a share is decided by: as many as a number holds exactly. */
const SHARE_DIGITS = 13

/** Begins traces, of a share of the requests. */
export class Tracer {
  private readonly ratio: number
  private readonly take: (span: Span) => void

  /** `ratio`: from 0 to 1. `take` is given every span that has ended. */
  constructor(ratio: number, take: (span: Span) => void) {
    this.ratio = ratio
    this.take = take
  }

  /**
   * Begins a request's span, below that of its client where `traceparent` names one. Undefined where it isn't
   * recorded: its client said so, or it is outside of the share.
   */
  begin(name: string, traceparent: string | undefined): OpenSpan | undefined {
    const parent = parseTraceparent(traceparent)
    const traceId = parent?.traceId ?? randomBytes(16).toString('hex')
    if (parent?.isSampled === false || !isWithin(traceId, this.ratio)) return undefined
    return new OpenSpan({ traceId, parentSpanId: parent?.spanId, name, kind: 'server', take: this.take })
  }
}

/**
 * Whether a trace is in a share, by its id alone, so that everybody who records this share records the same
 * traces (OpenTelemetry, "TraceState: Probability Sampling", rejection threshold).
 */
function isWithin(traceId: string, ratio: number): boolean {
  const randomness = Number.parseInt(traceId.slice(-SHARE_DIGITS), 16)
  return randomness >= (1 - ratio) * 16 ** SHARE_DIGITS
}
