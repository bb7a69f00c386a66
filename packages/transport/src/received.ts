/** Of a `Response`, what a client reads. */
export interface Received {
  /** Whether the status is one of success. */
  readonly ok: boolean
  readonly status: number
  readonly headers: Pick<Headers, 'get'>
  /** Null where there is none. Cancelled, nobody reads on. */
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null
}

/** Sends a request: the global `fetch`, or another way to the one asked. Throws a TypeError as it does. */
export type Send = (url: string, init: RequestInit) => Promise<Received>
