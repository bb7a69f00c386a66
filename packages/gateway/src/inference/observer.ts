import type { Reason } from './refusals.ts'

/** Is told what the inference door does, to count it: nothing of what is asked and answered. */
export interface InferenceObserver {
  /** A request goes to an endpoint. `model`: as it is offered; `other` for what nobody offers. */
  began(model: string): RequestObserver
  /** A request is answered in the gateway's own name. */
  refused(reason: Reason): void
  /** A request goes to another endpoint. */
  retried(reason: Reason): void
}

/** Is told of one request that went to an endpoint. */
export interface RequestObserver {
  /** The first of an answer's body is passed on, so many seconds after the request was whole. */
  firstByte(seconds: number): void
  /** `status`: 0 where its client left before an answer began. */
  ended(status: number): void
}

/** Counts nothing. */
export const UNOBSERVED_INFERENCE: InferenceObserver = {
  began: () => UNOBSERVED_REQUEST,
  refused: () => {},
  retried: () => {},
}
const UNOBSERVED_REQUEST: RequestObserver = { firstByte: () => {}, ended: () => {} }
