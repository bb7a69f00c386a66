import type { Readable } from 'node:stream'
import { readTar, type TarEntry } from '@cloister/images'
import type { VolumeContent } from '../executor.ts'
import type { UnpackLimits } from '../oci/image-root.ts'
import { cannotBegin, fillVolume } from '../volumes/fill.ts'
import type { Owner } from '../volumes/volume-archive.ts'
import type { StarterSession } from './starter-session.ts'
import { VolumeOrder } from './volume-order.ts'

/** With what paths of archives begin. */
export const PREFIX = 'volume'
const PIECE_BYTES = 1024 * 1024

/**
 * Has a fresh volume begin with what was sent: the archive is read by the rules of every engine, in a process
 * of its own, and the starter of a pod that has the volume at `path` is told file by file. May be done again
 * after it was broken off. Throws `start-failed`.
 */
export async function fillClaim(
  starter: StarterSession,
  path: string,
  what: { volume: string; from: VolumeContent; owner: Owner; limits: UnpackLimits },
): Promise<void> {
  const { volume, from, owner, limits } = what
  const refused = new AbortController()
  let writing: Promise<void> = Promise.resolve()
  const output = (archive: Readable) => {
    writing = writeFiles(starter, path, archive)
    writing.catch(() => refused.abort(refusal(volume)))
  }
  const order = { from, limits, into: { prefix: PREFIX, owner } }
  await fillVolume(volume, order, { output, signal: refused.signal })
  await writing.catch((cause) => {
    throw refusal(volume, cause)
  })
}

function refusal(volume: string, cause?: unknown): Error {
  return cannotBegin(volume, "the cluster's storage is full, or refuses it", cause)
}

/**
 * Has a starter write files of an archive, in which every path begins with `volume`, below `path`. Throws
 * where one can't be written.
 */
export async function writeFiles(starter: StarterSession, path: string, archive: Readable): Promise<void> {
  const folders: TarEntry[] = []
  const at = (name: string) => `${path}${name.slice(PREFIX.length)}`.replace(/\/+$/, '')
  for await (const entry of readTar(archive)) {
    const { type, uid, gid, mode, modified } = entry
    const place = at(entry.path)
    const owner = { uid, gid }
    if (type === 'folder') {
      await starter.tell(new VolumeOrder().folder(place))
      folders.push({ ...entry, path: place })
    } else if (type === 'file') {
      await starter.tell(new VolumeOrder().file(place))
      for await (const piece of piecesOf(entry)) await starter.tell(new VolumeOrder().append(place, piece))
      await starter.tell(new VolumeOrder().dress(place, owner, mode, modified))
    } else if (type === 'hard-link') await starter.tell(new VolumeOrder().hardLink(place, at(entry.linkPath)))
    else if (type === 'link')
      await starter.tell(
        new VolumeOrder().link(place, entry.linkPath).dress(place, owner, undefined, modified),
      )
  }
  // A folder comes before what is in it, and is dressed after that.
  for (const { path: place, uid, gid, mode, modified } of folders.reverse())
    await starter.tell(new VolumeOrder().dress(place, { uid, gid }, mode, modified))
  await starter.tell(new VolumeOrder().done())
  if ((await starter.result()) !== 0) throw new Error('it answers something else')
}

/** A file's content in pieces of at most a MiB, none of them small for nothing. */
async function* piecesOf({ content }: TarEntry): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let length = 0
  for await (const chunk of content()) {
    held.push(chunk)
    length += chunk.length
    if (length < PIECE_BYTES) continue
    const bytes = Buffer.concat(held)
    for (let from = 0; from < bytes.length; from += PIECE_BYTES)
      yield bytes.subarray(from, from + PIECE_BYTES)
    held = []
    length = 0
  }
  if (length > 0) yield Buffer.concat(held)
}
