import { createReadStream, mkdirSync } from 'node:fs'
import { readBlocks, readTar, TarError } from '@cloister/images'
import { Counter, mainApart } from '../apart/main.ts'
import { ImageRoot, LayerError } from './image-root.ts'
import { LayerPackingError, packingOf, unpackedLayer } from './packing.ts'
import { shareFiles } from './shared-files.ts'
import type { UnpackOrder } from './unpack.ts'

const READ_BYTES = 1024 * 1024

/**
 * Unpacks an image in a process of its own, so that a hostile one costs the agent neither time nor memory.
 */
async function unpack({ folder, layers, limits, pool }: UnpackOrder): Promise<void> {
  process.umask(0)
  mkdirSync(folder, { mode: 0o755 })
  const root = new ImageRoot(folder, limits)
  const read = new Counter()
  for (const layer of layers) {
    root.beginLayer()
    // What unpacks keeps what it is given.
    const bytes =
      (await packingOf(layer)) === 'none'
        ? readBlocks(layer)
        : createReadStream(layer, { highWaterMark: READ_BYTES })
    for await (const entry of readTar(await unpackedLayer(layer, read.pass(bytes)), root.extended))
      await root.apply(entry)
  }
  if (pool !== undefined) shareFiles(folder, pool)
  root.finish()
  read.say()
}

function explain(error: unknown): string {
  if (error instanceof LayerError || error instanceof TarError || error instanceof LayerPackingError)
    return error.message
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? "the worker's disk is full"
    : `the worker can not write it (${code ?? 'unknown'})`
}

await mainApart(unpack, explain)
