import { readTar, type TarEntry } from '@cloister/images'
import type { UnpackLimits } from '../oci/image-root.ts'
import { stagedEntries } from './staged-entries.ts'
import { VolumeArchiveError } from './volume-archive-error.ts'

/** Numbers of a user and a group. */
export interface Owner {
  uid: number
  gid: number
}

/** Bytes of a path inside a volume. The kernel takes 4,096, of which the folders above need some. */
const MAX_PATH_BYTES = 3_000
const MAX_NAME_BYTES = 255
const MAX_LINK_BYTES = 4_095
const IMPLIED_MODE = 0o755
/** Set-user-id and set-group-id are nobody's to bring; what is left is rights, and a folder's sticky bit. */
const FILE_MODES = 0o777
const FOLDER_MODES = 0o1777
/** Of a folder whose files were its lease's before: what is made in it has its group. */
const OWN_FOLDER_MODES = 0o3777

/**
 * A file, folder or link of a volume. The folders on the way to it came before it and are folders indeed, so
 * that nothing is ever written through a link; nothing but a folder comes twice; what a hard link leads to
 * is a file that came before it. Paths hold one character for each byte.
 */
export interface VolumeEntry {
  type: 'file' | 'hard-link' | 'link' | 'folder'
  /** Names from the volume on, without `.` and `..`; none for the volume's own folder. */
  steps: string[]
  /** Of a hard link, the same of the file; of a symbolic link, its one target as it is written. */
  target: string[]
  mode: number
  /** Whose it is; undefined where that is for whoever writes it to say. */
  owner: Owner | undefined
  /** Seconds since 1970; undefined for folders that the archive doesn't name. */
  modified: number | undefined
  size: number
  pieces: TarEntry['pieces']
  content: TarEntry['content']
}

/** What lies at a path: a folder has what is in it, a file its mode. */
type Place = Map<string, Place> | number | 'link'

/**
 * Reads the archive that a volume begins with; the volume's own folder comes first. Owners in it count for
 * nothing, devices and fifos are left out. `limits` is what it may hold. Throws a `VolumeArchiveError` or a
 * `TarError`.
 */
export async function* readVolume(
  archive: AsyncIterable<Buffer>,
  limits: UnpackLimits,
): AsyncGenerator<VolumeEntry> {
  const room = new Room(limits)
  yield* checkEntries(
    readTar(archive, (bytes) => room.take(bytes, 0)),
    room,
    false,
  )
}

/**
 * The same of a volume whose blocks were staged in a folder: by the same rules, but what is in it was its
 * lease's before, so that owners stay what they were. Holes of files take no room.
 */
export async function* readStaged(folder: string, limits: UnpackLimits): AsyncGenerator<VolumeEntry> {
  yield* checkEntries(stagedEntries(folder), new Room(limits), true)
}

/** What a volume may still hold. */
class Room {
  private readonly left: UnpackLimits

  constructor(limits: UnpackLimits) {
    this.left = { ...limits }
  }

  take(bytes: number, entries: number): void {
    this.left.bytes -= bytes
    this.left.entries -= entries
    if (this.left.bytes < 0 || this.left.entries < 0)
      throw new VolumeArchiveError('it holds more than there is room for')
  }
}

async function* checkEntries(
  entries: AsyncIterable<TarEntry>,
  room: Room,
  keepsOwners: boolean,
): AsyncGenerator<VolumeEntry> {
  const root: Place = new Map()
  const take = (bytes: number, entries: number) => room.take(bytes, entries)
  const folder = (steps: string[], mode: number, modified: number | undefined, owner?: Owner) =>
    folderEntry(steps, mode & (keepsOwners ? OWN_FOLDER_MODES : FOLDER_MODES), modified, owner)
  yield folder([], IMPLIED_MODE, undefined)
  for await (const entry of entries) {
    const owner = keepsOwners ? { uid: entry.uid, gid: entry.gid } : undefined
    take((keepsOwners ? entry.stored : entry.size) + entry.path.length + entry.linkPath.length, 1)
    const steps = stepsOf(entry.path)
    const name = steps.at(-1)
    const { type } = entry
    if (type === 'device' || type === 'fifo') continue
    if (name === undefined) {
      if (type === 'folder') yield folder([], entry.mode, entry.modified, owner)
      continue
    }
    let parent = root
    for (const [depth, step] of steps.slice(0, -1).entries()) {
      const there = parent.get(step)
      if (there !== undefined && !(there instanceof Map))
        throw new VolumeArchiveError(
          `${shown(entry.path)} goes through a ${there === 'link' ? 'link' : 'file'}`,
        )
      const next: Place = there ?? new Map()
      if (!there) {
        take(0, 1)
        parent.set(step, next)
        yield folder(steps.slice(0, depth + 1), IMPLIED_MODE, undefined)
      }
      parent = next
    }
    const there = parent.get(name)
    if (there !== undefined && !(type === 'folder' && there instanceof Map))
      throw new VolumeArchiveError(`${shown(entry.path)} is in it twice`)
    const { target, mode = entry.mode & FILE_MODES } = targetOf(entry, root)
    if (type === 'folder') {
      if (!there) parent.set(name, new Map())
      yield folder(steps, entry.mode, entry.modified, owner)
      continue
    }
    parent.set(name, type === 'link' ? 'link' : mode)
    const { modified, size, pieces, content } = entry
    yield { type, steps, target, mode, owner, modified, size, pieces, content }
  }
}

function folderEntry(
  steps: string[],
  mode: number,
  modified: number | undefined,
  owner: Owner | undefined,
): VolumeEntry {
  return {
    type: 'folder',
    steps,
    target: [],
    mode,
    owner,
    modified,
    size: 0,
    pieces: undefined,
    content: nothing,
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** Where a link leads to, and of a hard link the mode of the file, which engines give to it once more. */
function targetOf({ type, path, linkPath }: TarEntry, root: Place): { target: string[]; mode?: number } {
  if (type === 'link') {
    if (linkPath === '' || linkPath.includes('\0') || linkPath.length > MAX_LINK_BYTES)
      throw new VolumeArchiveError(`the link ${shown(path)} has an impossible target`)
    return { target: [linkPath] }
  }
  if (type !== 'hard-link') return { target: [] }
  const target = stepsOf(linkPath)
  let place: Place | undefined = root
  for (const step of target) place = place instanceof Map ? place.get(step) : undefined
  if (typeof place !== 'number')
    throw new VolumeArchiveError(`the hard link ${shown(path)} leads to no file in it`)
  return { target, mode: place }
}

/** The steps of a path in an archive, `.` taken out. */
function stepsOf(path: string): string[] {
  if (path.includes('\0')) throw new VolumeArchiveError('a path in it has a zero byte')
  if (path.length > MAX_PATH_BYTES) throw new VolumeArchiveError('a path in it is too long')
  if (path.startsWith('/')) throw new VolumeArchiveError(`the path ${shown(path)} in it is absolute`)
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  if (steps.includes('..')) throw new VolumeArchiveError(`the path ${shown(path)} in it climbs`)
  if (steps.some((step) => step.length > MAX_NAME_BYTES))
    throw new VolumeArchiveError('a name in it is too long')
  return steps
}

function shown(path: string): string {
  return JSON.stringify(Buffer.from(path.slice(0, 120), 'latin1').toString('utf8'))
}
