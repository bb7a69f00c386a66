import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import type { Framing } from './framing.ts'

/** The head of a request as it goes on. `headers` say nothing of the body; `framing` does. */
export interface Head {
  method: string
  path: string
  headers: OutgoingHttpHeaders
  framing: Framing
}

/** The beginning of an answer. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** How the body is framed; `none` where the head is all there is. */
  framing: Framing
  body: Readable
  /** What came after the body, once it has ended. */
  trailers(): NodeJS.Dict<string | string[]>
}

/**
 * Whoever waits for an answer. One of `answered` and `failed` is called once, after the request was begun.
 */
interface Asker {
  answered(answer: Answer): void
  /**
   * No answer came. `wasKept`: over a connection kept from before, which the other side may have closed just
   * then.
   */
  failed(error: Error, wasKept: boolean): void
  /** The other side says that it is still at it (an answer of 1xx). */
  alive(): void
}

/** A request that is under way. */
export interface Exchange {
  /** Takes the request's body. */
  body: Writable
  /** Ends the body. */
  end(trailers: Record<string, string | string[]>): void
  /** Gives up, and the connection with it where requests follow one another on it. */
  destroy(): void
}

/** Sends requests to one place. Throws where a head can't be written. */
export type Upstream = (head: Head, asker: Asker) => Exchange
