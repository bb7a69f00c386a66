import { type Framing, Refusal, tooLarge } from '../framing.ts'
import { ChunkReader } from './chunks.ts'

const NOTHING = Buffer.alloc(0)

/** Bytes that bodies may take, all together. */
export interface BodyRoom {
  /** False where there is no room for so many. */
  take(bytes: number): boolean
  giveBack(bytes: number): void
}

/** Keeps a request's body until it is whole; it takes no more memory than what has come of it. */
export class BodyGatherer {
  private pieces: Buffer[] = []
  private size = 0
  private readonly length: number | undefined
  private readonly chunks: ChunkReader | undefined
  private readonly maxBytes: number
  private readonly room: BodyRoom | undefined

  constructor(framing: Framing, maxBytes: number, room?: BodyRoom) {
    this.room = room
    this.length = framing === 'none' ? 0 : framing === 'open' ? undefined : framing
    this.chunks = framing === 'open' ? new ChunkReader() : undefined
    this.maxBytes = maxBytes
  }

  /**
   * Takes what came, which is there no longer than the call. Returns what comes after the body once that is
   * whole. Throws a `Refusal` for a body that is too large or has no room, and what `ChunkReader` throws.
   */
  add(chunk: Buffer): Buffer | undefined {
    if (this.chunks) return this.chunks.read(chunk, { data: (piece) => this.addPiece(piece) })
    const left = (this.length ?? 0) - this.size
    if (left > 0) this.addPiece(chunk.subarray(0, left))
    return this.size === this.length ? chunk.subarray(left) : undefined
  }

  /** Takes a piece of the body, out of its chunks. Throws a `Refusal` as `add` does. */
  addPiece(piece: Buffer): void {
    if (piece.length === 0) return
    if (this.size + piece.length > this.maxBytes) throw tooLarge(this.maxBytes)
    if (this.room && !this.room.take(piece.length)) throw new Refusal(503, 'too much is under way')
    this.size += piece.length
    this.pieces.push(Buffer.from(piece))
  }
  /** Gives up what was kept, and its room. */
  drop(): void {
    if (this.size > 0) this.room?.giveBack(this.size)
    this.size = 0
    this.pieces = []
  }

  /** The body. It is given up here, and its room is whoever's who takes it. */
  take(): Buffer {
    const { pieces } = this
    this.pieces = []
    this.size = 0
    return pieces.length === 1 ? (pieces[0] as Buffer) : pieces.length === 0 ? NOTHING : Buffer.concat(pieces)
  }
}
