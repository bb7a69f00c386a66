import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFailed } from '../failures.ts'

/** Whether we are the machine's root, whose namespaces are the first ones. */
export const IS_ROOT = process.getuid?.() === 0

/** Where everything of one lease lies. */
export interface LeasePlaces {
  /** Names the lease in paths, control groups and containers' ids. */
  key: string
  /** Kept across restarts of the machine. */
  folder: string
  /** Of one run of the machine, with short paths. */
  run: string
  /** Where roots of containers are mounted; their own root, and nobody else, may walk there. */
  roots: string
}

export function placesOf(sandboxFolder: string, lease: string): LeasePlaces {
  const key = createHash('sha256').update(`${sandboxFolder}\0${lease}`).digest('hex').slice(0, 24)
  const runFolder = join(door(), key)
  return { key, folder: join(sandboxFolder, 'leases', key), run: runFolder, roots: join(runFolder, 'roots') }
}

/** The folder of what lasts as long as the machine runs. */
function door(): string {
  return IS_ROOT
    ? '/run/cloister'
    : join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `cloister-${process.getuid?.()}`)
}

/** Makes that folder. Its name can be guessed, so it has to be ours. */
export async function openDoor(): Promise<void> {
  const folder = door()
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const stat = await lstat(folder)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.())
    throw startFailed('the sandbox', new Error(`${folder} belongs to somebody else`))
  await chmod(folder, 0o711)
}
