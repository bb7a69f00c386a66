import type { LeaseRecord } from '@cloister/core'
import type { Asked } from './paths.ts'
import type { Reason } from './refusals.ts'

/** Why a request, or a try, came to nothing. `broken-off`: in the middle of its answer. */
type Failure = Reason | 'broken-off'

/** Is told of requests one by one, to trace them: nothing of what is asked and answered, nor by whom. */
export interface InferenceTracer {
  /** A request came whole. `traceparent`: as its client says it. Undefined where it isn't traced. */
  began(
    asked: Pick<Asked & { what: 'inference' }, 'kind' | 'route'>,
    isSealed: boolean,
    traceparent: string | undefined,
  ): RequestTrace | undefined
}

/** Is told of one request. */
export interface RequestTrace {
  /** It goes to endpoints. `model`: as it is offered; `other` for what nobody offers. */
  led(model: string): void
  /** It goes to an endpoint; undefined for one that isn't offered to everybody. */
  tried(endpoint: Pick<LeaseRecord, 'shortId' | 'endpoint'> | undefined): TryTrace
  /** The first of an answer's body is passed on. */
  firstByte(): void
  failed(why: Failure): void
  /** `status`: 0 where its client left before an answer began. */
  ended(status: number): void
}

/** Is told of one try: a request's way to one endpoint. */
export interface TryTrace {
  /** The other side began an answer, which may be kept from the client. */
  answered(status: number): void
  failed(why: Failure): void
  ended(): void
}
