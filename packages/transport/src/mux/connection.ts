import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { freeRead } from '../memory.ts'
import { Batch } from './batch.ts'
import {
  AWAY,
  type ControlFrame,
  type ControlKind,
  CREDIT,
  END,
  FrameReader,
  OPEN,
  PING,
  PONG,
  ProtocolError,
  RESET,
} from './frame.ts'
import { MuxStream } from './stream.ts'

/** Streams that one connection carries at a time. */
export const MAX_STREAMS = 1024
/** Bytes by which the windows of a connection's streams may grow, all together. */
const GROWTH_BYTES = 16 * 1024 * 1024
/** Bytes of streams that may wait to be sent, beyond a little of each, all together. */
const WAITING_BYTES = 8 * 1024 * 1024
/** Frames other than data that may wait for a connection that takes none. */
const MAX_CONTROL = 4 * MAX_STREAMS
const MAX_STREAM_ID = 0xffff_ffff
const PING_MS = 10_000
const NOTHING = Buffer.alloc(0)
/** Rounds in a row without a byte after which the other side is given up. */
const MISSED_ROUNDS = 4

export interface MuxOptions {
  /**
   * Takes the streams that the other side opens; without it, it is we who open them. `first` is what comes on
   * it first, to be looked at.
   */
  accept?(stream: MuxStream, first: Buffer): void
  /** Milliseconds without a stream after which the connection is closed. */
  idleMs: number
  /** Milliseconds of silence after which the other side is asked for a sign of life. */
  pingMs?: number
  /** The connection is over; undefined where it just ended. */
  closed?(error: Error | undefined): void
}

/**
 * Many streams over one connection. What is sent within one turn of the event loop goes out in one write;
 * streams take turns. Ids count up and are never used again. A frame that breaks the rules ends the
 * connection and all its streams.
 */
export class MuxConnection {
  private readonly socket: Duplex
  private readonly options: MuxOptions
  private readonly streams = new Map<number, MuxStream>()
  /** Streams that were opened and have said nothing yet. */
  private readonly fresh = new Set<number>()
  private lastId = 0
  /** What the next write has. */
  private readonly batch = new Batch()
  /** Frames that wait for room in it, and streams with data that does, in the order of their turns. */
  private control: ControlFrame[] = []
  private readonly turns = new Set<MuxStream>()
  private isScheduled = false
  private growth = GROWTH_BYTES
  private waiting = 0
  /** Open streams that have moved much. */
  private large = 0
  private owesPong = false
  /** Rounds of the pinger in which nothing came. */
  private missed = 0
  private isOver = false
  /** The other side takes no more streams. */
  private isAway = false
  private readonly pinger: NodeJS.Timeout
  private idle: NodeJS.Timeout | undefined

  constructor(socket: Duplex, options: MuxOptions) {
    this.socket = socket
    this.options = options
    const reader = new FrameReader({
      data: (stream, piece) => this.received(stream, piece),
      control: (kind, stream, value) => this.told(kind, stream, value),
    })
    socket.on('data', (chunk: Buffer) => {
      this.missed = 0
      if (this.isOver) return
      try {
        reader.read(chunk)
      } catch (error) {
        this.close(error as Error)
      }
      freeRead(socket, chunk)
    })
    socket.on('drain', () => this.schedule())
    socket.on('error', (error) => this.close(error))
    socket.on('end', () => this.close(undefined))
    socket.on('close', () => this.close(undefined))
    this.pinger = setInterval(() => this.ping(), options.pingMs ?? PING_MS).unref()
    this.watchIdle()
  }

  /** Streams that are open. */
  get size(): number {
    return this.streams.size + this.fresh.size
  }

  /** Whether it takes no more streams. */
  get isFull(): boolean {
    return this.isOver || this.isAway || this.size >= MAX_STREAMS || this.lastId >= MAX_STREAM_ID
  }

  get isClosed(): boolean {
    return this.isOver
  }

  /** Whether a stream that moves much is on it. */
  get isBusy(): boolean {
    return this.large > 0
  }

  /** Opens a stream. Throws where there can be no more. */
  open(): MuxStream {
    if (this.options.accept) throw new Error('this side of a connection opens no streams')
    if (this.isFull) throw new Error('the connection takes no more streams')
    const isKept = this.lastId > 0
    this.lastId++
    this.queue({ kind: OPEN, stream: this.lastId })
    return this.add(this.lastId, isKept)
  }

  /** Tells the other side to open no more streams here; those that are open go on. */
  leave(): void {
    this.queue({ kind: AWAY, stream: 0 })
  }

  /** Ends the connection and its streams. */
  close(error: Error | undefined): void {
    if (this.isOver) return
    this.isOver = true
    clearInterval(this.pinger)
    clearTimeout(this.idle)
    this.batch.clear()
    this.control = []
    this.turns.clear()
    for (const stream of this.streams.values()) stream.destroy(broken(error))
    this.streams.clear()
    this.fresh.clear()
    if (error) this.socket.destroy()
    else this.socket.end(() => this.socket.destroy())
    this.options.closed?.(error)
  }

  private add(id: number, isKept: boolean): MuxStream {
    const stream = new MuxStream(
      {
        remoteAddress: (this.socket as Partial<Socket>).remoteAddress,
        control: (frame) => this.queue(frame),
        send: (sender, bytes, most) => {
          if (this.isOver || this.isBehind) return 0
          this.schedule()
          return this.batch.data(sender.id, bytes, most)
        },
        ready: (ready) => {
          this.turns.add(ready)
          this.schedule()
        },
        reserve: (bytes) => {
          if (bytes > this.growth) return false
          this.growth -= bytes
          return true
        },
        release: (bytes) => {
          this.growth += bytes
        },
        waits: (bytes) => {
          this.waiting += bytes
          return this.waiting < WAITING_BYTES
        },
        grewLarge: () => {
          this.large++
        },
        closed: (closed, isWhole) => this.forget(closed, isWhole),
      },
      id,
      isKept,
    )
    this.streams.set(id, stream)
    clearTimeout(this.idle)
    return stream
  }

  private forget(stream: MuxStream, isWhole: boolean): void {
    this.streams.delete(stream.id)
    this.turns.delete(stream)
    if (stream.isLarge) this.large--
    if (this.isOver) return
    if (!isWhole) this.queue({ kind: RESET, stream: stream.id })
    this.watchIdle()
  }

  /** Closes in a while, if no stream is opened. */
  private watchIdle(): void {
    if (this.size > 0) return
    clearTimeout(this.idle)
    this.idle = setTimeout(() => this.close(undefined), this.options.idleMs).unref()
  }

  private received(id: number, piece: Buffer): void {
    // What came before is over, and so is the rest of what was read with it.
    if (this.isOver) return
    const stream = this.streamOf(id, piece)
    if (stream) stream.receive(piece)
    // It was closed here, and the other side may not know yet.
    else this.queue({ kind: RESET, stream: id })
  }

  private told(kind: ControlKind, id: number, value: number): void {
    if (this.isOver) return
    if (kind === PONG) return
    if (kind === AWAY) {
      this.isAway = true
      return
    }
    if (kind === PING) {
      this.owesPong = true
      return this.schedule()
    }
    if (kind === OPEN) return this.opened(id)
    if (kind === RESET) {
      if (this.fresh.delete(id)) return this.watchIdle()
      const stream = this.known(id)
      if (!stream) return
      return stream.abandoned()
    }
    const stream = this.streamOf(id)
    if (!stream) return
    if (kind === END) stream.receiveEnd()
    else if (kind === CREDIT) stream.receiveCredit(value)
  }

  /** The other side has opened a stream. It is handed on once something comes on it. */
  private opened(id: number): void {
    if (!this.options.accept) throw new ProtocolError('a stream was opened by the side that opens none')
    if (id !== this.lastId + 1) throw new ProtocolError(`stream ${id} was opened after ${this.lastId}`)
    this.lastId = id
    if (this.size >= MAX_STREAMS) return this.queue({ kind: RESET, stream: id })
    this.fresh.add(id)
    clearTimeout(this.idle)
  }

  /** The stream of a frame; undefined for one that is over. */
  private streamOf(id: number, first: Buffer = NOTHING): MuxStream | undefined {
    if (!this.fresh.delete(id)) return this.known(id)
    const stream = this.add(id, true)
    this.options.accept?.(stream, first)
    return stream
  }

  private known(id: number): MuxStream | undefined {
    if (id > this.lastId) throw new ProtocolError(`stream ${id} was never opened`)
    return this.streams.get(id)
  }

  /** Whether something waits for room, so that what is sent now has to wait, too. */
  private get isBehind(): boolean {
    return this.turns.size > 0 || this.control.length > 0
  }

  private queue(frame: ControlFrame): void {
    if (this.isOver) return
    this.schedule()
    // It goes ahead of data that waits. While the other side reads nothing it is counted, and not put
    // together.
    const isRead = !this.socket.writableNeedDrain
    if (isRead && this.control.length === 0 && this.batch.control(frame)) return
    this.control.push(frame)
    if (this.control.length > MAX_CONTROL)
      this.close(new ProtocolError('the other side asks for more than it reads'))
  }

  private schedule(): void {
    if (this.isScheduled || this.isOver) return
    this.isScheduled = true
    setImmediate(() => this.flush())
  }

  /** One write: what was put together, what was to be told, then data of streams in turn. */
  private flush(): void {
    this.isScheduled = false
    // `drain` schedules it again.
    if (this.isOver || this.socket.writableNeedDrain) return
    const { batch, control } = this
    if (control.length > 0) {
      let told = 0
      while (told < control.length && batch.control(control[told] as ControlFrame)) told++
      control.splice(0, told)
    }
    if (this.owesPong && batch.control({ kind: PONG, stream: 0 })) this.owesPong = false
    const sent: MuxStream[] = []
    // A stream that is added again while the set is gone through has its next turn after the others.
    for (const stream of this.turns) {
      const moved = batch.move(stream.id, stream.pending, stream.sendable)
      if (moved === 0 && stream.sendable > 0) break
      this.turns.delete(stream)
      if (moved === 0) continue
      stream.sent(moved)
      sent.push(stream)
      if (stream.sendable > 0) this.turns.add(stream)
    }
    batch.writeTo(this.socket)
    for (const stream of sent) stream.taken()
    if (this.isBehind || this.owesPong) this.schedule()
  }

  private ping(): void {
    if (this.missed >= MISSED_ROUNDS) return this.close(new Error('the other side is gone'))
    // Anything that comes counts as an answer.
    if (this.missed++ > 0) this.queue({ kind: PING, stream: 0 })
  }
}

/** What streams are told that end with their connection. */
function broken(cause: Error | undefined): Error {
  return Object.assign(new Error('the connection of this stream is closed', { cause }), {
    code: 'ECONNRESET',
  })
}
