import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { rename, stat, writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { openImageFolder } from './image-store.ts'
import { checkReady, PROGRAMS, type Ready } from './ready.ts'
import { SEARCH_PATH } from './run.ts'

/** Lies in a folder of images, which all processes that use it share. */
const FILE = '.ready.json'
/** How long others may go by what one has found out. */
const HOLDS_MS = 10 * 60_000
/** Programs whose change may change what a machine allows. */
const TRIED = [...Object.keys(PROGRAMS), 'nft', 'slirp4netns', 'unshare', 'mkfs.ext4', 'mount']
const NAMESPACES = ['mnt', 'net', 'pid', 'user']

/** Only what a machine allows in full is noted: what it lacks may be installed at any moment. */
const Note = z.strictObject({ at: z.int(), machine: z.string() })

/**
 * What a machine allows, tried unless another process with the same images has found less than ten minutes
 * ago that everything works. Throws `no-engine`, with what to type.
 */
export async function findReady(folder: string, imageFolder: string, now = Date.now()): Promise<Ready> {
  await openImageFolder(imageFolder)
  const machine = await describeMachine(folder, imageFolder)
  const path = join(imageFolder, FILE)
  if (machine === undefined) return checkReady(folder, imageFolder)
  if (isNoted(path, machine, now)) return { disks: true, ids: true, wayOut: true }
  const ready = await checkReady(folder, imageFolder)
  if (ready.disks && ready.ids && ready.wayOut) {
    const next = `${path}.${process.pid}`
    await writeFile(next, JSON.stringify({ at: now, machine } satisfies z.infer<typeof Note>), {
      mode: 0o600,
    })
    await rename(next, path)
  }
  return ready
}

function isNoted(path: string, machine: string, now: number): boolean {
  try {
    const note = Note.parse(JSON.parse(readFileSync(path, 'utf8')))
    return note.machine === machine && note.at <= now && now - note.at < HOLDS_MS
  } catch {
    // None yet, or one of another version.
    return false
  }
}

/**
 * What has to be the same for a note to say anything about this process and these folders. Undefined where
 * the machine has no such things.
 */
async function describeMachine(folder: string, imageFolder: string): Promise<string | undefined> {
  const [own, images] = await Promise.all([stat(folder), stat(imageFolder)])
  try {
    return JSON.stringify([
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      release(),
      process.getuid?.(),
      NAMESPACES.map((kind) => readlinkSync(`/proc/self/ns/${kind}`)),
      [own.dev, images.dev, existsSync('/dev/loop-control')],
      TRIED.map(stampOf),
    ])
  } catch {
    return undefined
  }
}

function stampOf(program: string): string {
  for (const folder of SEARCH_PATH.split(':')) {
    const found = statSync(join(folder, program), { throwIfNoEntry: false })
    if (found) return `${found.ino} ${found.size} ${found.mtimeMs}`
  }
  return ''
}
