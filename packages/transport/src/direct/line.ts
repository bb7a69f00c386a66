import type { Duplex } from 'node:stream'
import { MuxStream, type StreamReader } from '../mux/stream.ts'

/** Bytes of a body that go out with what is before them as one string: less work than two buffers. */
const SMALL_BYTES = 4 * 1024

/** Whoever a line belongs to now. */
export type LineUser = StreamReader

/** One side of a relay: a socket, or a stream of a connection. What is sent as a string is latin1. */
export interface Line {
  readonly duplex: Duplex
  /** It wants nothing sent until `drained`. */
  readonly isFull: boolean
  readonly isHeld: boolean
  send(head: string, body?: Buffer): void
  sendBytes(bytes: Buffer): void
  /** What is sent between the two goes out together. */
  gather(): void
  letGo(): void
  /** Keeps what comes back until `goOn`. */
  hold(): void
  goOn(): void
  /** Tells its user nothing more: the duplex is read by somebody else. */
  leave(): void
}

/** A line over a duplex, which nobody reads besides. */
export function lineOf(duplex: Duplex, user: LineUser): Line {
  return duplex instanceof MuxStream ? new StreamLine(duplex, user) : new SocketLine(duplex, user)
}

class StreamLine implements Line {
  readonly duplex: MuxStream

  constructor(duplex: MuxStream, user: LineUser) {
    this.duplex = duplex
    duplex.attach(user)
  }

  get isFull(): boolean {
    return this.duplex.isFull
  }

  get isHeld(): boolean {
    return this.duplex.isHolding
  }

  send(head: string, body?: Buffer): void {
    this.duplex.post(head)
    if (body) this.duplex.post(body)
  }

  sendBytes(bytes: Buffer): void {
    this.duplex.post(bytes)
  }

  // A connection gathers what its streams send.
  gather(): void {}
  letGo(): void {}

  hold(): void {
    this.duplex.hold()
  }

  goOn(): void {
    this.duplex.goOn()
  }

  leave(): void {
    this.duplex.detach()
  }
}

class SocketLine implements Line {
  readonly duplex: Duplex
  private readonly data: (chunk: Buffer) => void
  private readonly drained: () => void
  private readonly ended: () => void
  private readonly closed: () => void
  private readonly failed: () => void

  constructor(duplex: Duplex, user: LineUser) {
    this.duplex = duplex
    this.data = (chunk) => user.data(chunk)
    this.drained = () => user.drained()
    this.ended = () => user.over(true)
    this.closed = () => user.over(false)
    this.failed = () => duplex.destroy()
    duplex.on('data', this.data).on('drain', this.drained)
    duplex.on('end', this.ended).on('close', this.closed).on('error', this.failed)
  }

  get isFull(): boolean {
    return this.duplex.writableNeedDrain
  }

  get isHeld(): boolean {
    return this.duplex.isPaused()
  }

  send(head: string, body?: Buffer): void {
    if (!body || body.length === 0) this.duplex.write(head, 'latin1')
    else if (body.length <= SMALL_BYTES) this.duplex.write(head + body.toString('latin1'), 'latin1')
    else {
      this.gather()
      this.duplex.write(head, 'latin1')
      this.duplex.write(body)
      this.letGo()
    }
  }

  sendBytes(bytes: Buffer): void {
    this.duplex.write(bytes)
  }

  gather(): void {
    this.duplex.cork()
  }

  letGo(): void {
    this.duplex.uncork()
  }

  hold(): void {
    this.duplex.pause()
  }

  goOn(): void {
    if (this.duplex.isPaused()) this.duplex.resume()
  }

  leave(): void {
    const { duplex } = this
    duplex.off('data', this.data).off('drain', this.drained)
    duplex.off('end', this.ended).off('close', this.closed).off('error', this.failed)
  }
}
