import { Readable } from 'node:stream'
import { CloisterError, messageOf } from '@cloister/core'
import type { UnpackLimits } from '../oci/image-root.ts'
import { findUser, MAX_TABLE_BYTES } from '../user-tables.ts'
import { nameInManifest } from '../volumes/names.ts'
import type { Owner, VolumeEntry } from '../volumes/volume-archive.ts'
import { writeTar } from '../volumes/volume-tar.ts'
import { PREFIX, writeFiles } from './fill-claim.ts'
import { entriesBelow, folderAt } from './read-claim.ts'
import type { StarterSession } from './starter-session.ts'
import { VolumeOrder } from './volume-order.ts'

const ROOT = { uid: 0, gid: 0 }
/** Users of an image's table; a number of the kernel's has 32 bits, and its last one means nobody. */
const ID_COUNT = 2 ** 32 - 1

/** What a fresh volume begins with where nothing was sent for it. */
interface ImageContent {
  volume: string
  /** Where the container has it. */
  path: string
  /** The container's user, as the manifest or the image names them. */
  user: string
  /** It begins with nothing, whatever the image has. */
  isEmpty: boolean
  limits: UnpackLimits
}

/**
 * Has a fresh volume begin as Docker's do: with what the image has at its path, owned as there; an empty one
 * is the user's. `open` begins starters in a pod of that image, which has the volume at `into` and nothing at
 * its path. May be done again after it was broken off. Throws `start-failed`.
 */
export async function beginAsImage(
  open: () => Promise<StarterSession>,
  into: string,
  { volume, path, user, isEmpty, limits }: ImageContent,
): Promise<void> {
  // One reads while the other writes: neither waits for what we take from it, or give it.
  const reader = await open()
  try {
    // The image may have a link there.
    const from = `${path}/.`
    const own = await folderAt(reader, from)
    const below = own && !isEmpty ? entriesBelow(reader, from) : nothing()
    const first = await below.next()
    const writer = await open()
    try {
      const isOfImage = own && (!first.done || own.owner?.uid !== 0)
      const owner = isOfImage ? ROOT : await ownerOf(writer, user)
      if (!isOfImage && owner.uid === 0) return
      const folder: VolumeEntry = isOfImage ? own : { ...EMPTY, owner }
      const all = within(limits, folder, first.done ? undefined : first.value, below)
      await writeFiles(writer, into, Readable.from(writeTar(all, ROOT, PREFIX)))
    } finally {
      await writer.end()
    }
  } catch (cause) {
    const why = messageOf(cause).replace(/\.$/, '')
    throw new CloisterError(
      'start-failed',
      `The volume ${nameInManifest(volume)} can't begin with what its image has at ${path}: ${why}.`,
      { hint: 'Mount it with `nocopy`, or give the lease more disk.', cause },
    )
  } finally {
    await reader.end()
  }
}

/** The user that the tables of a pod's own image give. */
export async function ownerOf(starter: StarterSession, user: string): Promise<Owner> {
  await starter.tell(new VolumeOrder().scratch())
  const read = async (path: string) => {
    await starter.tell(new VolumeOrder().readWhole(path, MAX_TABLE_BYTES))
    await starter.result()
    return (await starter.content())?.toString('latin1') ?? ''
  }
  const tables = { passwd: await read('/etc/passwd'), group: await read('/etc/group') }
  const { uid, gid } = findUser(tables, user, [], ID_COUNT)
  return { uid, gid }
}

const EMPTY = {
  type: 'folder' as const,
  steps: [],
  target: [],
  mode: 0o755,
  modified: undefined,
  size: 0,
  pieces: undefined,
  content: nothing,
}

/** All of a volume's entries, no more of them than the lease has room for. */
async function* within(
  { bytes, entries }: UnpackLimits,
  folder: VolumeEntry,
  first: VolumeEntry | undefined,
  below: AsyncIterable<VolumeEntry>,
): AsyncGenerator<VolumeEntry> {
  let [taken, count] = [0, 0]
  const counted = (entry: VolumeEntry) => {
    taken += entry.size
    count++
    if (taken > bytes || count > entries) throw new Error("it is more than the lease's disk has room for")
    return entry
  }
  yield folder
  if (first) yield counted(first)
  for await (const entry of below) yield counted(entry)
}

async function* nothing(): AsyncGenerator<never> {}
