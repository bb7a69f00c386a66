import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isPacked, unpackTo } from './archive-file.ts'
import type { ImageCache } from './cache.ts'
import type { HeldImage } from './held.ts'
import { readImage } from './read.ts'

/**
 * The image in a layout folder or an archive, as `readImage`; what of an archive that is packed was unpacked
 * is kept in the cache.
 */
export async function placedImage(
  path: string,
  name: string | undefined,
  cache: ImageCache,
): Promise<HeldImage> {
  const there = await stat(path).catch(() => undefined)
  if (!there?.isFile() || !(await isPacked(path))) return readImage(path, name)
  const key = createHash('sha256')
    .update(JSON.stringify(['archive', resolve(path), there.size, there.mtimeMs, name ?? '']))
    .digest('hex')
  return (
    (await cache.find(key)) ??
    cache.work(async (work) => {
      const archive = await unpackTo(path, work)
      return cache.keep(key, archive, await readImage(archive, name))
    })
  )
}
