import { MAX_HEADER_BYTES } from '../framing.ts'
import { type Fields, FORBIDDEN, indexOf, readFields } from './head.ts'

const LINE_END = Buffer.from('\r\n')
/** `size` of a chunk and its extensions, which end with it (RFC 9112, section 7.1.1). */
const SIZE_LINE = /^([0-9a-f]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/i
/** Bytes that a line with a chunk's size may have. */
const MAX_SIZE_LINE = 1024
/** Bytes of size lines that may come to little data. */
const MAX_OVERHEAD = 16 * 1024

/** Whoever is told what chunks say. */
export interface ChunkSink {
  data(piece: Buffer): void
}

/** Reads a body in chunks (RFC 9112, section 7.1). It keeps a line at most. */
export class ChunkReader {
  private state: 'size' | 'data' | 'data end' | 'trailers' | 'over' = 'size'
  private left = 0
  private line: Buffer | undefined
  private overhead = 0
  /** The fields after the body; names in lower case and values in turn. */
  readonly trailers: Fields = []

  get isOver(): boolean {
    return this.state === 'over'
  }

  /** Reads on; returns the bytes after the body's end, once it is there. Throws for what are no chunks. */
  read(chunk: Buffer, sink: ChunkSink): Buffer | undefined {
    let rest = chunk
    while (rest.length > 0 && this.state !== 'over') {
      if (this.state === 'data') {
        const piece = rest.subarray(0, this.left)
        this.left -= piece.length
        rest = rest.subarray(piece.length)
        sink.data(piece)
        if (this.left === 0) this.state = 'data end'
        continue
      }
      const end = this.lineEnd(rest)
      if (end === undefined) return undefined
      const text = end.text
      rest = rest.subarray(end.next)
      this.take(text)
    }
    return this.state === 'over' ? rest : undefined
  }

  private take(text: string): void {
    if (this.state === 'data end') {
      if (text !== '') throw new Error('a chunk is longer than it says')
      this.state = 'size'
    } else if (this.state === 'size') {
      const size = SIZE_LINE.exec(text)
      if (!size) throw new Error('a chunk has no size')
      this.left = Number.parseInt(size[1] as string, 16)
      this.overhead = Math.max(0, this.overhead + text.length - (size[1] as string).length - this.left)
      if (this.overhead > MAX_OVERHEAD) throw new Error('chunks have more extensions than data')
      this.state = this.left === 0 ? 'trailers' : 'data'
    } else if (text === '') this.state = 'over'
    else {
      this.overhead += text.length
      if (this.overhead > MAX_HEADER_BYTES || FORBIDDEN.test(text) || !readFields(text, 0, this.trailers))
        throw new Error('what comes after the chunks is no field')
      for (const name of ['content-length', 'transfer-encoding'])
        if (indexOf(this.trailers, name) >= 0) throw new Error('framing comes after the chunks')
    }
  }

  /** The line that ends in `rest`; what there is of it is kept where none does. */
  private lineEnd(rest: Buffer): { text: string; next: number } | undefined {
    const kept = this.line
    const whole = kept ? Buffer.concat([kept, rest]) : rest
    const end = whole.indexOf(LINE_END)
    const most = this.state === 'trailers' ? MAX_HEADER_BYTES : MAX_SIZE_LINE
    if ((end < 0 ? whole.length : end) > most) throw new Error('a line among chunks is too long')
    if (end < 0) {
      // A line feed alone, or a carriage return, is no end of a line.
      if (/\n|\r./s.test(whole.toString('latin1'))) throw new Error('a line among chunks ends in a wrong way')
      this.line = Buffer.from(whole)
      return undefined
    }
    this.line = undefined
    return { text: whole.toString('latin1', 0, end), next: end + 2 - (kept?.length ?? 0) }
  }
}
