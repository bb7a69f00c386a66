import { ByteReader } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

const MAX_ITEMS = 10_000

/** Reads SCALE, the encoding of dstack's bundled attestations (docs.polkadot.com, SCALE codec). */
export class ScaleReader {
  private readonly reader: ByteReader
  private readonly what: string

  constructor(bytes: Uint8Array, what: string) {
    this.reader = new ByteReader(bytes, what)
    this.what = what
  }

  byte(): number {
    return this.reader.take(1)[0] ?? 0
  }

  u32(): number {
    return this.reader.u32()
  }

  /** A vector of bytes. Throws `truncated`. */
  bytes(): Uint8Array {
    return this.reader.take(this.length())
  }

  text(): string {
    return new TextDecoder().decode(this.bytes())
  }

  /** A vector of anything. Throws `bad-document` above 10,000 items. */
  list<T>(read: () => T): T[] {
    const length = this.length()
    if (length > MAX_ITEMS)
      throw new EvidenceError(
        'bad-document',
        `${this.what} has a list of ${length} items; ${MAX_ITEMS} is the most.`,
      )
    return Array.from({ length }, read)
  }

  /** A compact integer below 2^30: the low two bits of the first byte say how many bytes there are. */
  private length(): number {
    const first = this.byte()
    const rest = [0, 1, 3][first & 3]
    if (rest === undefined) throw new EvidenceError('bad-document', `${this.what} has a length above 2^30.`)
    return (
      this.reader.take(rest).reduce((value, byte, index) => value + byte * 256 ** (index + 1), first) >>> 2
    )
  }
}
