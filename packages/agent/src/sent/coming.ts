import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** Blobs of which is kept in mind what was read of them; others are read again. */
const MOST = 1_000
const READ_BYTES = 1024 * 1024

/** A blob that is coming: what was read of it so far. */
export interface Coming {
  hash: Hash
  bytes: number
  /** Some of it was read from the disk, where another process had left it; it may have been lost since. */
  isReread: boolean
}

/** Blobs that are coming, by the path of the part that is here. */
export class ComingBlobs {
  private readonly known = new Map<string, Coming>()

  /** What was read of the first bytes of a part, as they lie there. */
  async at(path: string, bytes: number): Promise<Coming> {
    const known = this.known.get(path)
    const coming =
      known?.bytes === bytes ? known : { hash: await hashOf(path, bytes), bytes, isReread: bytes > 0 }
    this.known.delete(path)
    this.known.set(path, coming)
    const [oldest] = this.known.keys()
    if (this.known.size > MOST && oldest !== undefined) this.known.delete(oldest)
    return coming
  }

  forget(path: string): void {
    this.known.delete(path)
  }
}

async function hashOf(path: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256')
  if (bytes > 0)
    for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: READ_BYTES }))
      hash.update(chunk as Buffer)
  return hash
}
