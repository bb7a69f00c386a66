import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, statfs } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { CloisterError, messageOf } from '@cloister/core'
import { Part } from './held.ts'
import { readBlocks } from './read-blocks.ts'
import { MAX_DOCUMENT_BYTES } from './source.ts'
import { readTar } from './tar-reader.ts'

/** Files in an archive of an image. */
const MOST_FILES = 10_000
/** Bytes that a packed archive may become, as many as all images may take that are kept here. */
const MOST_UNPACKED = 20 * 1024 ** 3
/** Share of what is free on the disk that may be filled with one archive. */
const SHARE_OF_FREE = 0.5

/** A tar archive of an image, each file of which was read once for its digest. */
export class ArchiveFile {
  readonly path: string
  private readonly files: ReadonlyMap<string, Part>
  private readonly links: ReadonlyMap<string, string>

  private constructor(path: string, files: Map<string, Part>, links: Map<string, string>) {
    this.path = path
    this.files = files
    this.links = links
  }

  /** Reads an archive that isn't packed. Throws `bad-file`. */
  static async read(path: string): Promise<ArchiveFile> {
    const files = new Map<string, Part>()
    const links = new Map<string, string>()
    try {
      for await (const entry of readTar(readBlocks(path))) {
        const name = posix.normalize(entry.path).replace(/\/$/, '')
        if (files.size + links.size >= MOST_FILES) throw new Error('it holds too many files')
        if (entry.type === 'link' || entry.type === 'hard-link') {
          const target =
            entry.type === 'link' ? posix.join(posix.dirname(name), entry.linkPath) : entry.linkPath
          links.set(name, posix.normalize(target))
        }
        if (entry.type !== 'file') continue
        if (entry.pieces) throw new Error('it holds a sparse file')
        const { offset } = entry
        const hash = createHash('sha256')
        for await (const chunk of entry.content()) hash.update(chunk)
        files.set(name, new Part(`sha256:${hash.digest('hex')}`, entry.size, { file: path, offset }))
      }
    } catch (cause) {
      const why = messageOf(cause).replace(/\.$/, '')
      throw new CloisterError('bad-file', `${path} is no archive of an image: ${why}.`, { cause })
    }
    return new ArchiveFile(path, files, links)
  }

  /** A file of it, links followed; undefined where there is none. */
  part(name: string): Part | undefined {
    let at = posix.normalize(name)
    for (let step = 0; step < 8; step++) {
      const found = this.files.get(at)
      if (found) return found
      const target = this.links.get(at)
      if (target === undefined) return undefined
      at = target
    }
    return undefined
  }

  /** A small file of it whole; undefined where there is none. Throws `bad-file` where it is too large. */
  async document(name: string): Promise<Buffer | undefined> {
    const part = this.part(name)
    if (!part) return undefined
    if (part.bytes > MAX_DOCUMENT_BYTES)
      throw new CloisterError('bad-file', `${this.path}: ${name} is too large.`)
    const chunks: Uint8Array[] = []
    for await (const chunk of part.open(0)) chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks)
  }
}

/** Whether an archive is packed with gzip or zstd. Throws `no-file`. */
export async function isPacked(path: string): Promise<boolean> {
  return (await packingOf(path)) !== undefined
}

/**
 * Unpacks an archive into a folder and gives where it is. A small archive may hold very much: it gets 20 GiB,
 * and no more than half of what is free. Throws `no-file`, `bad-file` or `too-large`.
 */
export async function unpackTo(path: string, folder: string, most = MOST_UNPACKED): Promise<string> {
  const plain = join(folder, 'unpacked.tar')
  const { bavail, bsize } = await statfs(folder)
  const room = Math.min(most, Math.floor(bavail * bsize * SHARE_OF_FREE))
  await pipeline(
    createReadStream(path),
    (await packingOf(path)) === 'gzip' ? createGunzip() : createZstdDecompress(),
    upTo(room, path),
    createWriteStream(plain, { mode: 0o600 }),
  ).catch((cause) => {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('bad-file', `${path} is not packed as it should be.`, { cause })
  })
  return plain
}

/** Passes on so many bytes; throws `too-large` at the next. */
function upTo(room: number, path: string): Transform {
  let left = room
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      left -= chunk.length
      if (left >= 0) return done(null, chunk)
      const mib = Math.floor(room / 1024 ** 2)
      const hint = 'Make room on the disk of CLOISTER_CACHE, or name an archive that is not packed.'
      done(
        new CloisterError('too-large', `${path} holds more than ${mib} MiB, for which there is room.`, {
          hint,
        }),
      )
    },
  })
}

async function packingOf(path: string): Promise<'gzip' | 'zstd' | undefined> {
  const handle = await open(path).catch((cause) => {
    throw new CloisterError(
      'no-file',
      `${path} can not be read (${(cause as NodeJS.ErrnoException).code}).`,
      {
        cause,
      },
    )
  })
  const head = Buffer.alloc(4)
  try {
    await handle.read(head, 0, 4, 0)
  } finally {
    await handle.close()
  }
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  return head.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : undefined
}
