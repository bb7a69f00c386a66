import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'

/** How a layer is packed. */
export type Packing = 'none' | 'gzip' | 'zstd'

/** A layer that is not packed as any that is read here. */
export class LayerPackingError extends Error {}

/**
 * How a file's layer is packed, told from how it begins. Throws a `LayerPackingError` for what nothing here
 * reads.
 */
export async function packingOf(file: string): Promise<Packing> {
  const handle = await open(file)
  const head = Buffer.alloc(6)
  await handle.read(head, 0, 6, 0)
  await handle.close()
  const begins = (...magic: number[]) => magic.every((byte, index) => head[index] === byte)
  if (begins(0x1f, 0x8b)) return 'gzip'
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  if (begins(0x42, 0x5a, 0x68) || begins(0xfd, 0x37, 0x7a, 0x58, 0x5a))
    throw new LayerPackingError('a layer is packed with bzip2 or xz; gzip and zstd are read')
  return 'none'
}

/** A layer's bytes as a tar archive: `bytes` are those of the file. */
export async function unpackedLayer(
  file: string,
  bytes: AsyncIterable<Buffer>,
): Promise<AsyncIterable<Buffer>> {
  const packing = await packingOf(file)
  if (packing === 'none') return bytes
  return through(
    bytes,
    packing === 'gzip'
      ? createGunzip({ chunkSize: 256 * 1024 })
      : createZstdDecompress({ chunkSize: 256 * 1024 }),
  )
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
    throw new LayerPackingError('a layer is not packed as it should be', { cause: failure ?? error })
  }
  await piping
}
