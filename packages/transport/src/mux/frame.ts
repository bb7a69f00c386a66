/**
 * The bytes between a gateway and a worker that speak `cloister-mux/1`: frames, each of a stream (u32), a
 * kind (u8), a length (u24), big-endian, and a payload of that length. See docs/decisions/40-mux.md.
 */

/** What the two sides agree on in the TLS handshake (ALPN, RFC 7301). */
export const MUX_PROTOCOL = 'cloister-mux/1'

export const HEADER_BYTES = 8
/** Bytes of one data frame: what a stream may send until it is another's turn. */
export const MAX_PAYLOAD_BYTES = 32 * 1024
/** Payloads of all frames but data: a number of four bytes, or nothing. */
const VALUE_BYTES = 4

/**
 * Kinds of frames. Ping, pong and away belong to stream 0, all others to a stream from 1 on. `AWAY`: whoever
 * sends it takes no more streams.
 */
export const OPEN = 1
export const DATA = 2
export const END = 3
export const RESET = 4
export const CREDIT = 5
export const PING = 6
export const PONG = 7
export const AWAY = 8

export type ControlKind =
  | typeof OPEN
  | typeof END
  | typeof RESET
  | typeof CREDIT
  | typeof PING
  | typeof PONG
  | typeof AWAY

/** Bytes of payload by kind; data has any number from 1 on. */
const PAYLOAD_BYTES: Record<ControlKind, number> = {
  [OPEN]: 0,
  [END]: 0,
  [RESET]: 0,
  [CREDIT]: VALUE_BYTES,
  [PING]: 0,
  [PONG]: 0,
  [AWAY]: 0,
}

/** The other side broke the protocol; nothing on its connection can be trusted any more. */
export class ProtocolError extends Error {}

/** A frame to be sent, other than data; `value` is a credit's. */
export interface ControlFrame {
  kind: ControlKind
  stream: number
  value?: number
}

/** Writes what a frame begins with. */
export function writeHead(target: Buffer, at: number, stream: number, kind: number, length: number): void {
  target.writeUInt32BE(stream, at)
  // Kind and length share four bytes.
  target.writeUInt32BE(kind * 0x1000000 + length, at + 4)
}

/** Writes a frame; returns where it ends. */
export function writeControl({ kind, stream, value = 0 }: ControlFrame, target: Buffer, at: number): number {
  const length = PAYLOAD_BYTES[kind]
  writeHead(target, at, stream, kind, length)
  return length === 0 ? at + HEADER_BYTES : target.writeUInt32BE(value, at + HEADER_BYTES)
}

/** Whoever is told what frames say, in their order. */
export interface FrameSink {
  /** A piece of a data frame, as much of it as has come. It is there no longer than the call. */
  data(stream: number, piece: Buffer): void
  control(kind: ControlKind, stream: number, value: number): void
}

/** Reads frames from chunks of any size. It keeps at most a head and a number; data goes on as it comes. */
export class FrameReader {
  private readonly sink: FrameSink
  private readonly kept = Buffer.alloc(HEADER_BYTES + VALUE_BYTES)
  private have = 0
  private want = HEADER_BYTES
  /** Bytes still to come of a data frame. */
  private left = 0
  private stream = 0

  constructor(sink: FrameSink) {
    this.sink = sink
  }

  /** Throws a `ProtocolError` for what is no frame; then nothing more may be read. */
  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.left > 0) {
        const end = Math.min(chunk.length, at + this.left)
        this.left -= end - at
        this.sink.data(this.stream, chunk.subarray(at, end))
        at = end
        continue
      }
      const taken = Math.min(this.want - this.have, chunk.length - at)
      for (let i = 0; i < taken; i++) this.kept[this.have + i] = chunk[at + i] as number
      this.have += taken
      at += taken
      if (this.have === this.want) this.complete()
    }
  }

  /** A head is there, or a head and its number. */
  private complete(): void {
    const stream = this.kept.readUInt32BE(0)
    const kind = this.kept[4] as number
    const length = this.kept.readUIntBE(5, 3)
    if (this.want === HEADER_BYTES) {
      checkHead(stream, kind, length)
      if (kind === DATA) {
        this.stream = stream
        this.left = length
      } else if (length > 0) {
        this.want = HEADER_BYTES + length
        return
      }
    }
    const value = this.want > HEADER_BYTES ? this.kept.readUInt32BE(HEADER_BYTES) : 0
    this.have = 0
    this.want = HEADER_BYTES
    if (kind !== DATA) this.sink.control(kind as ControlKind, stream, value)
  }
}

function checkHead(stream: number, kind: number, length: number): void {
  if (kind < OPEN || kind > AWAY) throw new ProtocolError(`a frame has the unknown kind ${kind}`)
  if ((stream === 0) !== kind >= PING)
    throw new ProtocolError(`a frame of kind ${kind} has the stream ${stream}`)
  const isLength =
    kind === DATA ? length > 0 && length <= MAX_PAYLOAD_BYTES : length === PAYLOAD_BYTES[kind as ControlKind]
  if (!isLength) throw new ProtocolError(`a frame of kind ${kind} has ${length} bytes`)
}
