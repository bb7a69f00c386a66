import { randomBytes } from 'node:crypto'

/** `SpanKind` of opentelemetry-proto's trace.proto. */
const KINDS = { server: 2, client: 3 } as const
/** `SpanKind` by name. */
export type SpanKind = keyof typeof KINDS
/** What an attribute may be. Numbers are integers. */
export type AttributeValue = string | number | boolean

/** One piece of work that has ended. Times are Unix nanoseconds. */
export interface Span {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  name: string
  kind: (typeof KINDS)[SpanKind]
  startTime: bigint
  endTime: bigint
  attributes: ReadonlyMap<string, AttributeValue>
  events: readonly { name: string; time: bigint }[]
  isError: boolean
}

/** Times of one trace's spans: they never go back, whatever becomes of the machine's clock. */
class Clock {
  private readonly beganAt = performance.now()
  private readonly beganAtUnixMs = Date.now()

  /** Unix nanoseconds, by whole microseconds. */
  now(): bigint {
    const microseconds = this.beganAtUnixMs * 1000 + (performance.now() - this.beganAt) * 1000
    return BigInt(Math.round(microseconds)) * 1000n
  }
}

/** What a span begins with. */
interface SpanParts {
  traceId: string
  parentSpanId: string | undefined
  name: string
  kind: SpanKind
  /** Takes it when it has ended. */
  take: (span: Span) => void
  clock?: Clock
}

/** One piece of work that goes on. */
export class OpenSpan {
  name: string
  private readonly parts: SpanParts
  private readonly clock: Clock
  private readonly spanId = randomBytes(8).toString('hex')
  private readonly startTime: bigint
  private readonly attributes = new Map<string, AttributeValue>()
  private readonly events: { name: string; time: bigint }[] = []
  private isOver = false

  constructor(parts: SpanParts) {
    this.parts = parts
    this.name = parts.name
    this.clock = parts.clock ?? new Clock()
    this.startTime = this.clock.now()
  }

  /** Begins a piece of this work. */
  child(name: string, kind: SpanKind): OpenSpan {
    const { traceId, take } = this.parts
    return new OpenSpan({ traceId, parentSpanId: this.spanId, name, kind, take, clock: this.clock })
  }

  set(name: string, value: AttributeValue): void {
    this.attributes.set(name, value)
  }

  /** Something happened just now. */
  event(name: string): void {
    this.events.push({ name, time: this.clock.now() })
  }

  /** It is over; only the first call counts. */
  end({ isError }: { isError: boolean }): void {
    if (this.isOver) return
    this.isOver = true
    const { spanId, name, startTime, attributes, events } = this
    const { traceId, parentSpanId, kind, take } = this.parts
    const endTime = this.clock.now()
    take({
      traceId,
      spanId,
      parentSpanId,
      name,
      kind: KINDS[kind],
      startTime,
      endTime,
      attributes,
      events,
      isError,
    })
  }
}
