import { ftruncateSync, writeSync } from 'node:fs'
import { type TarEntry, TarError } from '@cloister/images'

/** Writes a file's content into an open, empty file. Throws a `TarError` where a sparse file doesn't fit. */
export async function writeContent(
  file: number,
  { size, pieces, content }: Pick<TarEntry, 'size' | 'pieces' | 'content'>,
): Promise<void> {
  if (!pieces) {
    for await (const chunk of content()) writeAll(file, chunk, null)
    return
  }
  ftruncateSync(file, size)
  const queue = pieces.map((piece) => ({ ...piece }))
  for await (const chunk of content())
    for (let taken = 0; taken < chunk.length; ) {
      const [piece] = queue
      if (!piece) throw new TarError('a sparse file has more than its pieces')
      const part = chunk.subarray(taken, taken + piece.bytes)
      writeAll(file, part, piece.offset)
      taken += part.length
      piece.offset += part.length
      piece.bytes -= part.length
      if (piece.bytes === 0) queue.shift()
    }
}

function writeAll(file: number, bytes: Buffer, position: number | null): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(
      file,
      bytes,
      written,
      bytes.length - written,
      position === null ? null : position + written,
    )
}
