import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { CloisterError } from '@cloister/core'
import { TarError } from '@cloister/images'
import { mainApart } from '../apart/main.ts'
import { OUTPUT_FD } from '../apart/run.ts'
import type { FillOrder } from './fill.ts'
import { readStaged, readVolume } from './volume-archive.ts'
import { VolumeArchiveError } from './volume-archive-error.ts'
import { writeVolume } from './volume-folder.ts'
import { writeTar } from './volume-tar.ts'

/** Reads what a volume begins with in a process of its own, since a stranger made the archive. */
async function fill({ from, limits, into }: FillOrder): Promise<void> {
  process.umask(0)
  const entries =
    typeof from === 'string'
      ? readVolume(createReadStream(from, { highWaterMark: 1024 * 1024 }), limits)
      : readStaged(from.staged, limits)
  if ('folder' in into) return writeVolume(into.folder, entries, into.owner, into.ids)
  const out = createWriteStream('', { fd: OUTPUT_FD })
  for await (const chunk of writeTar(entries, into.owner, into.prefix))
    if (!out.write(chunk)) await once(out, 'drain')
  out.end()
  await once(out, 'finish')
}

function explain(error: unknown): string {
  if (error instanceof TarError || error instanceof VolumeArchiveError) return error.message
  if (error instanceof CloisterError) return error.message.replace(/\.$/, '')
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return "the lease's disk is full"
  if (code === 'ENOENT') return 'what was sent is not here any more'
  return `the worker can't write it (${code ?? 'unknown'})`
}

await mainApart(fill, explain)
