import { Duplex } from 'node:stream'
import { type ControlFrame, CREDIT, END, ProtocolError } from './frame.ts'
import { ByteQueue } from './queue.ts'

/** Bytes each side of a stream may send before the other grants more. */
export const FIRST_WINDOW_BYTES = 64 * 1024
/** What a window grows to where its reader keeps up. */
export const MAX_WINDOW_BYTES = 1024 * 1024
/** Credit that nobody can have been granted. */
const MAX_CREDIT = 2 ** 31
/** A stream that has moved so much is large: it keeps others from a connection, and is not kept itself. */
const LARGE_BYTES = 1024 * 1024

/** Bytes that wait in a stream until it is full; and how many may, where its connection has room for them. */
const SEND_BYTES = 64 * 1024
export const MAX_SEND_BYTES = 512 * 1024

/** Whoever takes what comes on a stream as it comes, with none of Node's buffers between. */
export interface StreamReader {
  /** `piece` is there no longer than the call: who wants to keep it copies it. */
  data(piece: Buffer): void
  /** A stream that was full takes more. */
  drained(): void
  /** Nothing more comes; `isClean` where the other side has said so. */
  over(isClean: boolean): void
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly remoteAddress: string | undefined
  /** Queues a frame that goes ahead of data. */
  control(frame: ControlFrame): void
  /** Sends bytes of a stream at once, `most` at most; returns how many there was room for. */
  send(stream: MuxStream, bytes: Buffer | string, most: number): number
  /** The stream has data to send, and credit for it. */
  ready(stream: MuxStream): void
  /** Reserves bytes for a window that grows; false where there are none left. */
  reserve(bytes: number): boolean
  release(bytes: number): void
  /** So many bytes more wait to be sent, or fewer. Returns whether there is room for more of all streams. */
  waits(bytes: number): boolean
  /** The stream has moved much from now on. */
  grewLarge(): void
  /** The stream is over; `isWhole` where the other side needs not be told. */
  closed(stream: MuxStream, isWhole: boolean): void
}

/**
 * One of many streams over a connection: bytes both ways with back-pressure, like a socket. What has come
 * and is not read is never more than its window.
 */
export class MuxStream extends Duplex {
  readonly id: number
  /** Whether the connection was used before: the other side may have closed it just then. */
  readonly isKept: boolean
  private readonly host: StreamHost

  private credit = FIRST_WINDOW_BYTES
  /** What waits to be sent. */
  readonly pending = new ByteQueue()
  private isFullNow = false
  private written: ((error?: Error | null) => void) | undefined
  private finished: (() => void) | undefined
  private endSent = false

  private reader: StreamReader | undefined
  private isHeld = false
  private readonly inbox = new ByteQueue()
  private wants = false
  /** Bytes the other side may still send. */
  private window = FIRST_WINDOW_BYTES
  private windowBytes = FIRST_WINDOW_BYTES
  /** Bytes that were read since the last credit. */
  private owed = 0
  private endReceived = false
  private isReset = false

  private moved = 0
  private timer: NodeJS.Timeout | undefined
  timeout = 0

  constructor(host: StreamHost, id: number, isKept: boolean) {
    // Nothing is kept in the stream's own buffer of what comes: the inbox keeps it.
    super({ allowHalfOpen: true, readableHighWaterMark: 1, decodeStrings: true })
    this.host = host
    this.id = id
    this.isKept = isKept
    // It ends with its connection at any moment, whoever listens just then.
    this.on('error', () => {})
  }

  /** The address of the connection's other side. */
  get remoteAddress(): string | undefined {
    return this.host.remoteAddress
  }

  /** Whether it has moved much already. */
  get isLarge(): boolean {
    return this.moved >= LARGE_BYTES
  }

  /**
   * From now on `reader` takes what comes, and `post` sends; Node's own ways of reading and writing rest
   * until `detach`.
   */
  attach(reader: StreamReader): void {
    this.reader = reader
    this.deliver()
  }

  /** What comes from now on is read, and sent, as of any stream of Node's. */
  detach(): void {
    this.reader = undefined
    this.isHeld = false
  }

  /** Keeps what comes, up to the window, until `goOn`. */
  hold(): void {
    this.isHeld = true
  }

  goOn(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.deliver()
  }

  /** Whether it is held. */
  get isHolding(): boolean {
    return this.isHeld
  }

  /** Whether it wants nothing posted until `drained`. */
  get isFull(): boolean {
    return this.isFullNow
  }

  /** Sends a copy of bytes; strings are latin1. */
  post(bytes: Buffer | string): void {
    if (this.destroyed) return
    let at = 0
    if (this.pending.length === 0 && this.credit > 0) {
      at = this.host.send(this, bytes, Math.min(bytes.length, this.credit))
      this.credit -= at
      if (at > 0) this.activity(at)
    }
    if (at === bytes.length) return
    this.pending.add(bytes, at)
    const hasRoom = this.host.waits(bytes.length - at)
    if (this.pending.length >= (hasRoom ? MAX_SEND_BYTES : SEND_BYTES)) this.isFullNow = true
    if (this.sendable > 0) this.host.ready(this)
  }

  /** Bytes that wait and may be sent now. */
  get sendable(): number {
    return Math.min(this.pending.length, this.credit)
  }

  /** So many bytes that waited are sent. */
  sent(bytes: number): void {
    this.credit -= bytes
    this.host.waits(-bytes)
    this.activity(bytes)
  }

  /** A frame of it has gone out. */
  taken(): void {
    if (this.isFullNow && this.pending.length * 2 <= SEND_BYTES) {
      this.isFullNow = false
      const { written } = this
      this.written = undefined
      if (written) written()
      else this.reader?.drained()
    }
    if (this.finished && this.pending.length === 0) this.finish(this.finished)
  }

  /** Data came. Throws a `ProtocolError` where there was no credit for it. */
  receive(piece: Buffer): void {
    if (this.endReceived) throw new ProtocolError('data came after the end of its stream')
    if (piece.length > this.window) throw new ProtocolError('more data came than was granted')
    this.window -= piece.length
    this.activity(piece.length)
    // Whoever reads at once is given the bytes as they come.
    if (this.inbox.length === 0 && (this.reader ? !this.isHeld : this.wants)) return this.handOn(piece)
    this.inbox.add(piece)
    this.deliver()
  }

  /** The other side has ended its direction. Throws a `ProtocolError` where it had already. */
  receiveEnd(): void {
    if (this.endReceived) throw new ProtocolError('a stream ended twice')
    this.endReceived = true
    this.deliver()
  }

  /** The other side reads on. Throws a `ProtocolError` for a credit that can not be. */
  receiveCredit(bytes: number): void {
    if (bytes === 0 || this.credit + bytes > MAX_CREDIT) throw new ProtocolError('a credit is out of range')
    this.credit += bytes
    if (this.sendable > 0) this.host.ready(this)
  }

  /** The other side has given the stream up. */
  abandoned(): void {
    this.isReset = true
    this.destroy(Object.assign(new Error('the other side has reset the stream'), { code: 'ECONNRESET' }))
  }

  override _read(): void {
    this.wants = true
    this.deliver()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.send([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.send(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: () => void): void {
    if (this.pending.length > 0) this.finished = done
    else this.finish(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.timer)
    this.host.waits(-this.pending.length)
    this.pending.clear()
    this.inbox.clear()
    this.host.release(this.windowBytes - FIRST_WINDOW_BYTES)
    this.host.closed(this, this.isReset || (this.endSent && this.endReceived))
    const { written, reader } = this
    this.written = undefined
    this.reader = undefined
    written?.(error ?? new Error('the stream was closed'))
    if (reader) process.nextTick(() => reader.over(false))
    done(error)
  }

  /**
   * As a socket's: emits `timeout` after so many milliseconds in which nothing moved, 0 for
   * never; then `callback` isn't called any more.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.timeout = milliseconds
    clearTimeout(this.timer)
    this.timer = undefined
    if (callback && milliseconds > 0) this.once('timeout', callback)
    else if (callback) this.off('timeout', callback)
    if (milliseconds > 0) this.timer = setTimeout(() => this.emit('timeout'), milliseconds).unref()
    return this
  }

  // What Node's HTTP asks of a socket, and what the connection sees to.
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }

  private send(chunks: Buffer[], done: (error?: Error | null) => void): void {
    for (const chunk of chunks) this.post(chunk)
    if (this.isFullNow) this.written = done
    else done()
  }

  private finish(done: () => void): void {
    this.finished = undefined
    this.endSent = true
    this.host.control({ kind: END, stream: this.id })
    done()
  }

  private deliver(): void {
    while (this.inbox.length > 0 && (this.reader ? !this.isHeld : this.wants)) this.inbox.shift(this.handOn)
    if (!this.endReceived || this.inbox.length > 0) return
    if (this.reader) {
      if (!this.isHeld) this.reader.over(true)
    } else if (this.wants) {
      this.wants = false
      this.push(null)
    }
  }

  private readonly handOn = (piece: Buffer): void => {
    if (this.reader) this.reader.data(piece)
    else this.wants = this.push(Buffer.from(piece))
    this.consumed(piece.length)
  }

  /** Grants anew what was read, by halves of the window; one whose reader keeps up grows. */
  private consumed(bytes: number): void {
    this.owed += bytes
    if (this.owed * 2 < this.windowBytes || this.endReceived || this.destroyed) return
    let granted = this.owed
    const keepsUp = this.inbox.length === 0 && !this.isHeld && this.windowBytes < MAX_WINDOW_BYTES
    if (keepsUp && this.host.reserve(this.windowBytes)) {
      granted += this.windowBytes
      this.windowBytes *= 2
    }
    this.owed = 0
    this.window += granted
    this.host.control({ kind: CREDIT, stream: this.id, value: granted })
  }

  private activity(bytes: number): void {
    const wasLarge = this.isLarge
    this.moved += bytes
    if (this.isLarge && !wasLarge) this.host.grewLarge()
    this.timer?.refresh()
  }
}
