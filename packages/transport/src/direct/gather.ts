import { type Framing, tooLarge } from '../framing.ts'
import { ChunkReader } from './chunks.ts'

const NOTHING = Buffer.alloc(0)

/** Keeps a request's body until it is whole; it takes no more memory than what has come of it. */
export class BodyGatherer {
  private pieces: Buffer[] = []
  private size = 0
  private readonly length: number | undefined
  private readonly chunks: ChunkReader | undefined
  private readonly maxBytes: number

  constructor(framing: Framing, maxBytes: number) {
    this.length = framing === 'none' ? 0 : framing === 'open' ? undefined : framing
    this.chunks = framing === 'open' ? new ChunkReader() : undefined
    this.maxBytes = maxBytes
  }

  /**
   * Takes what came, which is there no longer than the call. Returns what comes after the body once that is
   * whole. Throws a `Refusal` for a body that is too large, and what `ChunkReader` throws.
   */
  add(chunk: Buffer): Buffer | undefined {
    if (this.chunks) return this.chunks.read(chunk, { data: (piece) => this.keep(piece) })
    const left = (this.length ?? 0) - this.size
    if (left > 0) this.keep(chunk.subarray(0, left))
    return this.size === this.length ? chunk.subarray(left) : undefined
  }

  /** The body. It is given up here. */
  take(): Buffer {
    const { pieces } = this
    this.pieces = []
    return pieces.length === 1 ? (pieces[0] as Buffer) : pieces.length === 0 ? NOTHING : Buffer.concat(pieces)
  }

  private keep(piece: Buffer): void {
    this.size += piece.length
    if (this.size > this.maxBytes) throw tooLarge(this.maxBytes)
    if (piece.length > 0) this.pieces.push(Buffer.from(piece))
  }
}
