import { type InferenceObserver, UNOBSERVED_INFERENCE } from './inference/observer.ts'

/** What became of a try to connect to a worker. */
type Dialled = 'connected' | 'unattested' | 'unreachable'

/** Is told what a gateway does, to count it. It must not throw. */
export interface GatewayObserver {
  /**
   * A request began. What it returns is called with the answer's status at its end, 0 where there was none.
   */
  request(): (status: number) => void
  /** A connection is a WebSocket from now on. What it returns is called when that has ended. */
  upgrade(): () => void
  /** TLS of a tenant's domain is passed on. What it returns is called when the connection has ended. */
  passed(): () => void
  /** A connection to a worker was tried. `unattested`: its TLS key was not the attested one. */
  dialled(what: Dialled): void
  inference: InferenceObserver
}

/** Counts nothing. */
export const UNOBSERVED: GatewayObserver = {
  request: () => () => {},
  upgrade: () => () => {},
  passed: () => () => {},
  dialled: () => {},
  inference: UNOBSERVED_INFERENCE,
}
