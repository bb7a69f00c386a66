import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError, DIGEST_BYTES, VOLUME_BLOCK_BYTES } from '@cloister/core'

/** Of the index: a digest, where its block begins in the pack (8 bytes), and its length (4 bytes). */
const RECORD_BYTES = DIGEST_BYTES + 12

/** Where a block lies in the pack. */
interface Place {
  offset: number
  bytes: number
}

/**
 * Blocks of a volume that is to be, in a folder: a pack that only grows, with an index of what is in it. What
 * is in the index was checked and written before; a process that dies leaves at most a tail that nobody
 * names.
 */
export class StagedBlocks {
  readonly folder: string
  private readonly places: Map<string, Place>
  private end: number

  private constructor(folder: string, places: Map<string, Place>) {
    this.folder = folder
    this.places = places
    this.end = Math.max(0, ...[...places.values()].map(({ offset, bytes }) => offset + bytes))
  }

  /** Opens what is there to read it. */
  static read(folder: string): StagedBlocks {
    const path = join(folder, 'index')
    const records = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
    const places = new Map<string, Place>()
    for (let at = 0; at + RECORD_BYTES <= records.length; at += RECORD_BYTES)
      places.set(records.toString('hex', at, at + DIGEST_BYTES), {
        offset: Number(records.readBigUInt64BE(at + DIGEST_BYTES)),
        bytes: records.readUInt32BE(at + DIGEST_BYTES + 8),
      })
    return new StagedBlocks(folder, places)
  }

  /** Opens it to add to it; makes it where it isn't there, and takes off what a process that died left. */
  static async open(folder: string): Promise<StagedBlocks> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const index = join(folder, 'index')
    const { size } = await stat(index).catch(() => ({ size: 0 }))
    if (size % RECORD_BYTES > 0) await truncate(index, size - (size % RECORD_BYTES))
    const staged = StagedBlocks.read(folder)
    const packed = await stat(staged.pack).catch(() => ({ size: 0 }))
    if (packed.size < staged.end)
      throw new CloisterError('bad-state', 'Blocks of a volume that was being filled are lost.', {
        hint: 'Begin anew.',
      })
    if (packed.size > staged.end) await truncate(staged.pack, staged.end)
    return staged
  }

  get bytes(): number {
    return this.end
  }

  has(digest: string): boolean {
    return this.places.has(digest)
  }

  /** Digests of all blocks, one after the other. */
  digests(): Buffer {
    return Buffer.from([...this.places.keys()].join(''), 'hex')
  }

  /**
   * Adds blocks; those that are here are passed over. Throws `bad-file` where one isn't what its digest says.
   */
  async add(blocks: readonly { digest: string; bytes: Uint8Array }[]): Promise<void> {
    const fresh = new Map<string, Uint8Array>()
    for (const { digest, bytes } of blocks) {
      if (bytes.length === 0 || bytes.length > VOLUME_BLOCK_BYTES || hash('sha256', bytes) !== digest)
        throw new CloisterError('bad-file', 'A block is not what its digest says.')
      if (!this.has(digest)) fresh.set(digest, bytes)
    }
    if (fresh.size === 0) return
    const records = Buffer.alloc(fresh.size * RECORD_BYTES)
    let offset = this.end
    let at = 0
    const places: [string, Place][] = []
    for (const [digest, { length }] of fresh) {
      records.write(digest, at, 'hex')
      records.writeBigUInt64BE(BigInt(offset), at + DIGEST_BYTES)
      records.writeUInt32BE(length, at + DIGEST_BYTES + 8)
      places.push([digest, { offset, bytes: length }])
      offset += length
      at += RECORD_BYTES
    }
    await append(this.pack, this.end, Buffer.concat([...fresh.values()]))
    await append(join(this.folder, 'index'), undefined, records)
    for (const [digest, place] of places) this.places.set(digest, place)
    this.end = offset
  }

  /** Says which blocks the inventory is in, once all is here. What was said before holds no more. */
  async finish(inventory: readonly string[]): Promise<void> {
    for (const name of ['pack', 'index']) {
      const file = await open(join(this.folder, name), 'a')
      await file.sync().finally(() => file.close())
    }
    const path = join(this.folder, 'inventory.json')
    await writeFile(`${path}.new`, JSON.stringify(inventory), { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
  }

  /** The blocks that the inventory is in; undefined where it isn't finished. */
  async inventory(): Promise<string[] | undefined> {
    const text = await readFile(join(this.folder, 'inventory.json'), 'utf8').catch(() => undefined)
    return text === undefined ? undefined : (JSON.parse(text) as string[])
  }

  /** Reads one block. Throws `bad-file` where there is none. */
  async block(file: FileHandle, digest: string): Promise<Buffer> {
    const place = this.places.get(digest)
    if (!place) throw new CloisterError('bad-file', `The block ${digest.slice(0, 12)}… was not sent.`)
    const bytes = Buffer.allocUnsafe(place.bytes)
    await file.read(bytes, 0, place.bytes, place.offset)
    return bytes
  }

  openPack(): Promise<FileHandle> {
    return open(this.pack, 'r')
  }

  private get pack(): string {
    return join(this.folder, 'pack')
  }
}

async function append(path: string, at: number | undefined, bytes: Buffer): Promise<void> {
  const file = await open(path, at === undefined ? 'a' : existsSync(path) ? 'r+' : 'w', 0o600)
  try {
    if (at === undefined) await file.appendFile(bytes)
    else await file.write(bytes, 0, bytes.length, at)
  } finally {
    await file.close()
  }
}
