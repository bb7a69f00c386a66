import { createReadStream, mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { readTar, TarError } from '@cloister/images'
import { ImageRoot, LayerError } from './image-root.ts'
import { shareFiles } from './shared-files.ts'
import type { UnpackOrder, UnpackWord } from './unpack.ts'

/** Bytes between two words on how far it is. */
const PROGRESS_BYTES = 4 * 1024 * 1024

/**
 * Unpacks an image in a process of its own, so that a hostile one costs the agent neither time nor memory.
 * Takes one `UnpackOrder` as a line on its input, says `UnpackWord`s on its output, and ends with whoever
 * started it.
 */
async function main(): Promise<void> {
  const order = await new Promise<string>((done) => {
    let text = ''
    process.stdin.on('data', (chunk) => {
      text += String(chunk)
      if (text.endsWith('\n')) done(text)
    })
    // Whoever started this holds the other end open until they are done, or dead.
    process.stdin.once('end', () => process.exit(1))
  })
  const { folder, layers, limits, pool } = JSON.parse(order) as UnpackOrder
  process.umask(0)
  mkdirSync(folder, { mode: 0o755 })
  const root = new ImageRoot(folder, limits)
  let bytes = 0
  for (const layer of layers) {
    root.beginLayer()
    const compressed = counting(createReadStream(layer, { highWaterMark: 1024 * 1024 }), (count) => {
      bytes += count
      if (bytes % PROGRESS_BYTES < count) say({ bytes })
    })
    for await (const entry of readTar(await decompress(layer, compressed), root.extended))
      await root.apply(entry)
  }
  if (pool !== undefined) shareFiles(folder, pool)
  root.finish()
  say({ bytes })
}

/** A layer's bytes as a tar archive; how they are packed is told from how they begin. */
async function decompress(file: string, bytes: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const handle = await open(file)
  const head = Buffer.alloc(6)
  await handle.read(head, 0, 6, 0)
  await handle.close()
  const begins = (...magic: number[]) => magic.every((byte, index) => head[index] === byte)
  if (begins(0x1f, 0x8b)) return through(bytes, createGunzip({ chunkSize: 256 * 1024 }))
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return through(bytes, createZstdDecompress({ chunkSize: 256 * 1024 }))
  if (begins(0x42, 0x5a, 0x68) || begins(0xfd, 0x37, 0x7a, 0x58, 0x5a))
    throw new LayerError('a layer is packed with bzip2 or xz; gzip and zstd are read')
  return bytes
}

async function* through(
  bytes: AsyncIterable<Buffer>,
  unpacker: NodeJS.ReadWriteStream,
): AsyncGenerator<Buffer> {
  let failure: unknown
  const piping = pipeline(bytes, unpacker).catch((error) => {
    failure = error
  })
  try {
    for await (const chunk of unpacker) yield chunk as Buffer
  } catch (error) {
    throw new LayerError('a layer is not packed as it should be', { cause: failure ?? error })
  }
  await piping
}

async function* counting(
  bytes: AsyncIterable<Buffer>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    count(chunk.length)
    yield chunk
  }
}

function say(word: UnpackWord): void {
  process.stdout.write(`${JSON.stringify(word)}\n`)
}

main().then(
  () => process.exit(0),
  (error) => {
    const isOurs = error instanceof LayerError || error instanceof TarError
    const code = (error as NodeJS.ErrnoException).code
    const why = isOurs
      ? error.message
      : code === 'ENOSPC' || code === 'EDQUOT'
        ? "the worker's disk is full"
        : `the worker can not write it (${code ?? 'unknown'})`
    process.stdout.write(`${JSON.stringify({ failed: why } satisfies UnpackWord)}\n`, () => process.exit(1))
  },
)
