import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http'
import type { Duplex } from 'node:stream'
import { MuxStream } from './mux/stream.ts'

/**
 * Where a relayed request goes: whatever `dial` understands. It is also what connections are kept and reused
 * by.
 */
export type Target = string

/** Milliseconds a connection is kept without a request on it. */
const IDLE_MS = 10_000

/** Keeps connections that `dial` opens, by target, for a moment. `dial` rejects where nobody listens. */
export class DialAgent extends Agent {
  private readonly dial: (target: Target) => Promise<Duplex>

  constructor(dial: (target: Target) => Promise<Duplex>, options: AgentOptions = {}) {
    super({ keepAlive: true, maxFreeSockets: 64, timeout: IDLE_MS, ...options })
    this.dial = dial
  }

  override getName(options?: ClientRequestArgs & { target?: Target }): string {
    return options?.target ?? ''
  }

  /** What has moved much is not kept: others are to have its connection to themselves. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (socket instanceof MuxStream && socket.isLarge) return false
    // Node's types don't tell that it says whether the socket is kept.
    return super.keepSocketAlive(socket) as unknown as boolean
  }

  override createConnection(
    options: ClientRequestArgs & { target?: Target },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.dial(options.target ?? '').then(
      (stream) => callback?.(null, stream),
      // Node's own types have no stream in the case of an error either.
      (error: Error) => (callback as ((error: Error) => void) | undefined)?.(error),
    )
    return undefined
  }
}
