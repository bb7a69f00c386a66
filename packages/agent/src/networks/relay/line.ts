import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { BATCH_BYTES, packDatagrams, sizeInBatch, unpackDatagrams } from './batch.ts'
import type { ByteRate } from './byte-rate.ts'

/** What both ends of a line may say to each other beside datagrams. */
const WORDS = ['try-direct', 'trying-direct'] as const
type Word = (typeof WORDS)[number]

export interface LineParts {
  socket: WebSocket
  /** UDP port of this machine's that the tunnel is at. */
  port: number
  /** Shared by the lines of a lease. */
  rate: ByteRate
  /** Whether we asked for it. */
  isOurs: boolean
  /** Milliseconds without a datagram after which it is closed. */
  idleMs?: number
}

const LOOPBACK = '127.0.0.1'
/** Bytes that may wait to be sent: what comes beyond is dropped, as a router does. */
const WAITING_BYTES = 512 * 1024
/** Longer than three of WireGuard's signs of life, which come every 25 seconds while a line is in use. */
const IDLE_MS = 90_000

/**
 * A tunnel's datagrams over a WebSocket, which runs over TLS between two workers. This end hands them to the
 * tunnel's UDP port as one other peer of its would, from a port of its own. Nothing is read of what passes,
 * which WireGuard has encrypted.
 */
export class RelayLine {
  /** Where the tunnel sends to, to reach its other end by this line: `address:port`. */
  readonly endpoint: string
  readonly isOurs: boolean
  onWord: (word: Word) => void = () => {}
  onClose: () => void = () => {}
  private readonly parts: LineParts
  private readonly local: Socket
  private waiting: Buffer[] = []
  private waitingBytes = 0
  private usedAt = performance.now()
  private idle: NodeJS.Timeout | undefined
  private resuming: NodeJS.Timeout | undefined
  private ended = false

  /** Opens this end. Rejects where no local port can be had; the WebSocket is closed then. */
  static async open(parts: LineParts): Promise<RelayLine> {
    const { socket } = parts
    // What comes meanwhile waits.
    socket.pause()
    const local = createSocket('udp4')
    try {
      local.bind(0, LOOPBACK)
      await once(local, 'listening')
      // Nobody else of this machine is heard then.
      local.connect(parts.port, LOOPBACK)
      await once(local, 'connect')
    } catch (error) {
      local.close()
      socket.terminate()
      throw error
    }
    const line = new RelayLine(parts, local)
    socket.resume()
    return line
  }

  private constructor(parts: LineParts, local: Socket) {
    this.parts = parts
    this.local = local
    this.isOurs = parts.isOurs
    this.endpoint = `${LOOPBACK}:${local.address().port}`
    const { socket } = parts
    // Nobody is at the port while a tunnel is made anew; what is sent meanwhile is lost, as on any way.
    local.on('error', () => {})
    local.on('message', (datagram) => this.send(datagram))
    socket.on('message', (data: Buffer, isBinary) => this.receive(data, isBinary))
    socket.on('error', () => this.close())
    socket.on('close', () => this.close())
    const idleMs = parts.idleMs ?? IDLE_MS
    const look = () => performance.now() - this.usedAt >= idleMs && this.close()
    this.idle = setInterval(look, idleMs / 4).unref()
    if (socket.readyState !== socket.OPEN) this.close()
  }

  get isOpen(): boolean {
    return !this.ended
  }

  say(word: Word): void {
    if (this.isOpen) this.parts.socket.send(word)
  }

  close(): void {
    if (this.ended) return
    this.ended = true
    clearInterval(this.idle)
    clearTimeout(this.resuming)
    this.local.close()
    this.parts.socket.terminate()
    this.onClose()
  }

  private send(datagram: Buffer): void {
    if (datagram.length === 0) return
    this.usedAt = performance.now()
    if (this.parts.socket.bufferedAmount + this.waitingBytes > WAITING_BYTES) return
    if (this.waiting.length === 0) setImmediate(() => this.flush())
    else if (this.waitingBytes + sizeInBatch(datagram) > BATCH_BYTES) this.flush()
    this.waiting.push(datagram)
    this.waitingBytes += sizeInBatch(datagram)
  }

  /** What came in one turn goes together: each message costs a record of TLS and a call. */
  private flush(): void {
    if (this.waiting.length === 0) return
    if (this.isOpen) this.parts.socket.send(packDatagrams(this.waiting))
    this.waiting = []
    this.waitingBytes = 0
  }

  private receive(data: Buffer, isBinary: boolean): void {
    if (this.ended) return
    if (!isBinary) {
      const said = WORDS.find((word) => word === data.toString('latin1', 0, 32))
      if (said) this.onWord(said)
      return
    }
    const datagrams = unpackDatagrams(data)
    if (!datagrams) return this.close()
    this.usedAt = performance.now()
    for (const datagram of datagrams) this.local.send(datagram, () => {})
    const waitMs = this.parts.rate.take(data.length)
    if (waitMs === 0) return
    // The other end hears of it by its own buffers, and drops what is too much.
    const { socket } = this.parts
    socket.pause()
    clearTimeout(this.resuming)
    this.resuming = setTimeout(() => socket.resume(), waitMs)
  }
}
