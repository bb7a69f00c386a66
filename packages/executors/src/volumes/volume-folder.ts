import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs'
import { writeContent } from '../oci/write-content.ts'
import type { Owner, VolumeEntry } from './volume-archive.ts'

/** Ids of users and groups from 0 to `count` are this machine's from `first` on; others are `count - 2`. */
export interface IdMap {
  first: number
  count: number
}

/**
 * Writes the entries of an archive into an empty folder, which nobody else writes to meanwhile. What has no
 * owner of its own, the folder too, is `owner`'s, or ours where there is none; the others are by `ids`.
 */
export async function writeVolume(
  folder: string,
  entries: AsyncIterable<VolumeEntry>,
  owner: Owner | undefined,
  ids?: IdMap,
): Promise<void> {
  const ownerOf = (entry: VolumeEntry) => (entry.owner && ids ? mapped(entry.owner, ids) : owner)
  const at = (steps: string[]) => [Buffer.from(folder).toString('latin1'), ...steps].join('/')
  const folders = new Map<string, VolumeEntry>()
  for await (const entry of entries) {
    const path = at(entry.steps)
    if (entry.type === 'file') await writeFile(path, entry, ownerOf(entry))
    else if (entry.type === 'hard-link') linkSync(bytesOf(at(entry.target)), bytesOf(path))
    else if (entry.type === 'link') writeLink(path, entry, ownerOf(entry))
    else {
      // It has its own mode and time once everything is in it: it may be nobody's to write to.
      if (!folders.has(path) && entry.steps.length > 0) mkdirSync(bytesOf(path), 0o700)
      folders.set(path, entry)
    }
  }
  // A folder comes before what is in it, and is dressed after that.
  for (const [path, entry] of [...folders].reverse()) {
    const name = bytesOf(path)
    const { mode, modified } = entry
    const whose = ownerOf(entry)
    if (whose) lchownSync(name, whose.uid, whose.gid)
    if (modified !== undefined) lutimesSync(name, modified, modified)
    chmodSync(name, mode)
  }
}

async function writeFile(path: string, entry: VolumeEntry, owner: Owner | undefined): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const file = openSync(bytesOf(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    await writeContent(file, entry)
    if (owner) fchownSync(file, owner.uid, owner.gid)
    fchmodSync(file, entry.mode)
    if (entry.modified !== undefined) futimesSync(file, entry.modified, entry.modified)
  } finally {
    closeSync(file)
  }
}

function writeLink(path: string, { target, modified }: VolumeEntry, owner: Owner | undefined): void {
  symlinkSync(bytesOf(target[0] ?? ''), bytesOf(path))
  if (owner) lchownSync(bytesOf(path), owner.uid, owner.gid)
  if (modified !== undefined) lutimesSync(bytesOf(path), modified, modified)
}

function mapped({ uid, gid }: Owner, { first, count }: IdMap): Owner {
  const idOf = (id: number) => first + (id < count ? id : count - 2)
  return { uid: idOf(uid), gid: idOf(gid) }
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
