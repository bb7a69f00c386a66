import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { CloisterError } from '@cloister/core'
import { nameInManifest } from '../volumes/names.ts'
import { type ReadVolumeOptions, readVolumeApart } from '../volumes/read.ts'
import type { VolumeEntry } from '../volumes/volume-archive.ts'
import { writeTar } from '../volumes/volume-tar.ts'
import { type Description, namesIn, parseDescription } from './kernel-records.ts'
import type { StarterSession } from './starter-session.ts'
import { SCRATCH_BYTES, STATX_BYTES, VolumeOrder } from './volume-order.ts'

const PREFIX = 'volume'
const ROOT = { uid: 0, gid: 0 }
/** Names of a folder that are asked about at once, and bytes of files that come with others. */
const BATCH = 128
const SMALL_BYTES = 32 * 1024
/** Bytes of a path that the kernel takes (PATH_MAX), of which the pod's own folder needs some. */
const MOST_PATH = 4_000
/** A larger file holds nothing but holes. */
const MOST_FILE_BYTES = 2 ** 40
const MOST_HARD_LINKS = 100_000

/**
 * Reads a volume through the starter of a pod that has it at `path`, and may read all of it. Throws
 * `read-failed`.
 */
export async function readClaim(
  starter: StarterSession,
  path: string,
  volume: string,
  options: ReadVolumeOptions,
): Promise<void> {
  let broken: unknown
  const write = async (into: Writable) => {
    try {
      const own = await folderAt(starter, path)
      if (!own) throw new Error('the volume is not there')
      for await (const chunk of writeTar(withFolder(own, entriesBelow(starter, path)), ROOT, PREFIX))
        if (!into.write(chunk)) await once(into, 'drain')
      into.end()
    } catch (error) {
      broken = error
      // Without an end of its own the archive is none, and its reader says so.
      into.destroy()
    }
  }
  const input = (into: Writable) => {
    into.on('error', () => {})
    void write(into)
  }
  await readVolumeApart(volume, { strip: 1 }, options, { input })
  if (broken)
    throw new CloisterError('read-failed', `The volume ${nameInManifest(volume)} can't be read to its end.`, {
      cause: broken,
    })
}

/** A folder of a pod's, as the first entry of what is in it; undefined where there is none at a path. */
export async function folderAt(starter: StarterSession, path: string): Promise<VolumeEntry | undefined> {
  await starter.tell(new VolumeOrder().scratch().describe(path))
  const own = await describedBy(starter)
  return own?.type === 'folder' ? entryOf(own, []) : undefined
}

async function* withFolder(own: VolumeEntry, below: AsyncIterable<VolumeEntry>): AsyncGenerator<VolumeEntry> {
  yield own
  yield* below
}

/** Everything in a folder after `folderAt`, as it is when it is asked about; what goes is left out. */
export async function* entriesBelow(starter: StarterSession, root: string): AsyncGenerator<VolumeEntry> {
  /** Where files of several names were seen first. */
  const seen = new Map<string, string[]>()
  const left: string[][] = [[]]
  for (let steps = left.pop(); steps; steps = left.pop()) {
    const names = await namesOf(starter, [root, ...steps].join('/'))
    for (let at = 0; at < names.length; at += BATCH) {
      const batch = names.slice(at, at + BATCH).map((name) => [...steps, name])
      const found = await describeAll(starter, root, batch)
      yield* foldersAndLinks(starter, root, found, left)
      yield* files(
        starter,
        root,
        found.filter(({ it }) => it.type === 'file'),
        seen,
      )
    }
  }
}

interface Found {
  steps: string[]
  it: Description
}

async function describeAll(starter: StarterSession, root: string, all: string[][]): Promise<Found[]> {
  const order = new VolumeOrder()
  const paths = all.map((steps) => [root, ...steps].join('/'))
  if (paths.some((path) => path.length > MOST_PATH)) throw new Error('a path in it is too long')
  for (const path of paths) order.describe(path)
  await starter.tell(order)
  const found: Found[] = []
  for (const steps of all) {
    const it = await describedBy(starter)
    if (it) found.push({ steps, it })
  }
  return found
}

async function describedBy(starter: StarterSession): Promise<Description | undefined> {
  const result = await starter.result()
  const record = await starter.take(STATX_BYTES)
  return result < 0 ? undefined : parseDescription(record)
}

async function* foldersAndLinks(
  starter: StarterSession,
  root: string,
  found: Found[],
  left: string[][],
): AsyncGenerator<VolumeEntry> {
  const links = found.filter(({ it }) => it.type === 'link')
  const order = new VolumeOrder()
  for (const { steps } of links) order.readLink([root, ...steps].join('/'))
  if (links.length > 0) await starter.tell(order)
  for (const { steps, it } of links) {
    const target = (await starter.content())?.toString('latin1')
    if (target) yield { ...entryOf(it, steps), target: [target] }
  }
  for (const { steps, it } of found)
    if (it.type === 'folder') {
      left.push(steps)
      yield entryOf(it, steps)
    }
}

async function* files(
  starter: StarterSession,
  root: string,
  found: Found[],
  seen: Map<string, string[]>,
): AsyncGenerator<VolumeEntry> {
  const first: Found[] = []
  for (const { steps, it } of found) {
    const known = it.links > 1 ? seen.get(it.identity) : undefined
    if (known) yield { ...entryOf(it, steps), type: 'hard-link', target: known, size: 0 }
    else first.push({ steps, it })
    if (it.links > 1 && seen.size < MOST_HARD_LINKS) seen.set(it.identity, known ?? steps)
  }
  const small = first.filter(({ it }) => it.size <= SMALL_BYTES)
  const order = new VolumeOrder()
  for (const { steps, it } of small) order.readWhole([root, ...steps].join('/'), it.size)
  if (small.length > 0) await starter.tell(order)
  for (const { steps, it } of small) {
    const file = await starter.result()
    const content = await starter.content()
    if (file >= 0) yield { ...entryOf(it, steps), content: () => filled(content ?? Buffer.alloc(0), it.size) }
  }
  for (const { steps, it } of first) if (it.size > SMALL_BYTES) yield* largeFile(starter, root, { steps, it })
}

async function* largeFile(
  starter: StarterSession,
  root: string,
  { steps, it }: Found,
): AsyncGenerator<VolumeEntry> {
  if (it.size > MOST_FILE_BYTES) throw new Error('a file in it is larger than any disk')
  await starter.tell(new VolumeOrder().openFile([root, ...steps].join('/')))
  const file = await starter.result()
  if (file < 0) return
  async function* content() {
    for (let at = 0; at < it.size; ) {
      const most = Math.min(SCRATCH_BYTES, it.size - at)
      await starter.tell(new VolumeOrder().readAt(file, at, most))
      const piece = await starter.content()
      // It was cut meanwhile, or can't be read: what is missing is zeros, so that the others come whole.
      yield* filled(piece ?? Buffer.alloc(0), piece?.length ? piece.length : most)
      at += piece?.length || most
    }
  }
  yield { ...entryOf(it, steps), content }
  await starter.tell(new VolumeOrder().close(file))
}

/** So many bytes: those there are, and zeros. */
async function* filled(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, length)
  if (bytes.length < length) yield Buffer.alloc(length - bytes.length)
}

/** Names in a folder; none where there is none any more. */
async function namesOf(starter: StarterSession, path: string): Promise<string[]> {
  await starter.tell(new VolumeOrder().openFolder(path))
  const file = await starter.result()
  if (file < 0) return []
  const names: string[] = []
  for (;;) {
    await starter.tell(new VolumeOrder().entries(file))
    const records = await starter.content()
    if (!records?.length) break
    names.push(...namesIn(records))
  }
  await starter.tell(new VolumeOrder().close(file))
  return names
}

function entryOf(it: Description, steps: string[]): VolumeEntry {
  const { type, mode, uid, gid, modified } = it
  const size = type === 'file' ? it.size : 0
  const owner = { uid, gid }
  return { type, steps, target: [], mode, owner, modified, size, pieces: undefined, content: nothing }
}

async function* nothing(): AsyncGenerator<Buffer> {}
