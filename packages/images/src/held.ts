import { createHash } from 'node:crypto'
import { CloisterError, type SentContent } from '@cloister/core'
import { readBlocks } from './read-blocks.ts'

/**
 * An image that lies on this machine, as it is sent: by the digest of its manifest, with all of its parts.
 */
export interface HeldImage {
  digest: string
  /** Its manifest, its configuration and its layers, each once. */
  contents: SentContent[]
}

/** Where the bytes of a part are. */
export type PartPlace = { file: string; offset: number } | { content: Uint8Array }

/** A part of an image. Read from its beginning, it is checked against its digest. */
export class Part implements SentContent {
  readonly digest: string
  readonly bytes: number
  readonly place: PartPlace

  constructor(digest: string, bytes: number, place: PartPlace) {
    this.digest = digest
    this.bytes = bytes
    this.place = place
  }

  static of(content: Uint8Array): Part {
    return new Part(digestOf(content), content.length, { content })
  }

  async *open(from: number): AsyncGenerator<Uint8Array> {
    if (from >= this.bytes) return
    if ('content' in this.place) return yield this.place.content.subarray(from)
    const { file, offset } = this.place
    const hash = from === 0 ? createHash('sha256') : undefined
    let read = 0
    for await (const block of readBlocks(file, { start: offset + from, length: this.bytes - from })) {
      hash?.update(block)
      read += block.length
      yield block
    }
    if (read !== this.bytes - from || (hash && `sha256:${hash.digest('hex')}` !== this.digest))
      throw new CloisterError('bad-file', `${file} has changed, or does not hold ${this.digest}.`)
  }
}

/** As OCI writes it (OCI image specification, "Digests"). */
export function digestOf(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** The parts of an image, each once. */
export function heldImage(digest: string, parts: readonly SentContent[]): HeldImage {
  return { digest, contents: [...new Map(parts.map((part) => [part.digest, part])).values()] }
}
