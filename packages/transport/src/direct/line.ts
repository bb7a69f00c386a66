import type { Duplex } from 'node:stream'
import { Blocks, freeRead } from '../memory.ts'
import { MuxStream, type StreamReader } from '../mux/stream.ts'

/** Bytes that go out at once, with what is before them as one string: less work than two buffers. */
const SMALL_BYTES = 4 * 1024
/** What more is gathered in. */
const blocks = new Blocks(64 * 1024, 32)

/** Whoever a line belongs to now. */
export interface LineUser extends StreamReader {
  /** What was gathered has filled it. */
  filled(): void
}

/**
 * One side of a relay: a socket, or a stream of a connection. What is sent as a string is latin1; of what is
 * sent as a buffer a copy is taken. What its user is told is there no longer than the call.
 */
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
  /** Sends what was gathered; what is sent after it may end the duplex. */
  flush(): void
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
  flush(): void {}

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

/**
 * A socket. What is sent of large bodies within a turn of the event loop goes out in writes of a block, since
 * it comes in small pieces: TLS cuts all into records of 16 KiB.
 */
class SocketLine implements Line {
  readonly duplex: Duplex
  private readonly user: LineUser
  private readonly data: (chunk: Buffer) => void
  private readonly drained: () => void
  private readonly ended: () => void
  private readonly closed: () => void
  private readonly failed: () => void
  private block: Buffer | undefined
  private used = 0
  private isGathering = false
  private isScheduled = false

  constructor(duplex: Duplex, user: LineUser) {
    this.duplex = duplex
    this.user = user
    this.data = (chunk) => {
      user.data(chunk)
      freeRead(duplex, chunk)
    }
    this.drained = () => user.drained()
    this.ended = () => user.over(true)
    this.closed = () => user.over(false)
    this.failed = () => duplex.destroy()
    duplex.on('data', this.data).on('drain', this.drained)
    duplex.on('end', this.ended).on('close', this.closed).on('error', this.failed)
  }

  get isFull(): boolean {
    // What was written at once is no reason to wait, although `drain` comes later.
    return this.duplex.writableNeedDrain && this.duplex.writableLength > 0
  }

  get isHeld(): boolean {
    return this.duplex.isPaused()
  }

  send(head: string, body?: Buffer): void {
    const size = head.length + (body?.length ?? 0)
    if (this.block || this.isGathering || size > SMALL_BYTES) {
      this.add(head)
      if (body) this.add(body)
    } else if (size > 0) this.duplex.write(body ? head + body.toString('latin1') : head, 'latin1')
  }

  sendBytes(bytes: Buffer): void {
    this.send('', bytes)
  }

  gather(): void {
    this.isGathering = true
  }

  letGo(): void {
    this.isGathering = false
    // The rest of much will come at once.
    if (this.used <= SMALL_BYTES) this.flush()
  }

  hold(): void {
    this.duplex.pause()
  }

  goOn(): void {
    if (this.duplex.isPaused()) this.duplex.resume()
  }

  leave(): void {
    const { duplex } = this
    this.flush()
    duplex.off('data', this.data).off('drain', this.drained)
    duplex.off('end', this.ended).off('close', this.closed).off('error', this.failed)
  }

  flush(): void {
    const { block, used } = this
    this.block = undefined
    this.used = 0
    if (block) blocks.write(this.duplex, block, used)
  }

  private add(bytes: Buffer | string): void {
    let at = 0
    while (at < bytes.length) {
      this.block ??= blocks.take()
      const part = Math.min(bytes.length - at, this.block.length - this.used)
      if (typeof bytes !== 'string') bytes.copy(this.block, this.used, at, at + part)
      else this.block.write(bytes.slice(at, at + part), this.used, 'latin1')
      this.used += part
      at += part
      if (this.used === this.block.length) this.flush()
    }
    if (!this.block || this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.flush()
      if (this.isFull) this.user.filled()
    })
  }
}
