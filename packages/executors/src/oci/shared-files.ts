import { createHash } from 'node:crypto'
import {
  closeSync,
  type Dirent,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
} from 'node:fs'

/** Smaller ones aren't worth a look. */
const LEAST_BYTES = 1024 * 1024
const CHUNK_BYTES = 1024 * 1024

/**
 * Makes each large file of an unpacked image the same file as one of the same content, rights, owner and
 * time that another image has, so that the disk and the memory that the kernel caches it in hold it once.
 * `pool` is a folder of the same file system, with a link to each such file. For images that the provider
 * made: how many links a file has is seen in containers, and would tell one tenant what others run.
 */
export function shareFiles(root: string, pool: string): void {
  mkdirSync(pool, { recursive: true, mode: 0o700 })
  const folders = [Buffer.from(root)]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of readdirSync(folder, {
      withFileTypes: true,
      encoding: 'buffer',
    }) as unknown as Dirent<Buffer>[]) {
      const path = Buffer.concat([folder, Buffer.from('/'), entry.name])
      if (entry.isDirectory()) folders.push(path)
      else if (entry.isFile()) share(path, pool)
    }
  forgetUnshared(pool)
}

/** Removes files that only the pool links to. */
export function forgetUnshared(pool: string): void {
  for (const name of names(pool)) {
    const path = `${pool}/${name}`
    // Somebody who takes it at this moment keeps the file; only its place here is lost.
    if (lstatSync(path, { throwIfNoEntry: false })?.nlink === 1) attempt(() => unlinkSync(path))
  }
}

function share(path: Buffer, pool: string): void {
  const stat = lstatSync(path)
  // What has several names in its own image stays as it is.
  if (stat.size < LEAST_BYTES || stat.nlink > 1) return
  const known = `${pool}/${keyOf(path, stat)}`
  const fresh = `${known}.${process.pid}`
  if (attempt(() => linkSync(path, known))) return
  // It is there already, unless links can't be made here.
  if (attempt(() => linkSync(known, fresh)) && !attempt(() => renameSync(fresh, path)))
    attempt(() => unlinkSync(fresh))
}

function keyOf(path: Buffer, { mode, uid, gid, mtimeMs }: Stats): string {
  const digest = createHash('sha256').update(JSON.stringify([mode, uid, gid, mtimeMs]))
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk))
      digest.update(chunk.subarray(0, read))
  } finally {
    closeSync(file)
  }
  return digest.digest('hex')
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function attempt(action: () => void): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}
