import { chmod, chown, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError, formatMiB } from '@cloister/core'
import type { ContainerFile } from '../executor.ts'

const MIB = 1024 * 1024
/** The last writing into each lease's folder: what one container is given counts for the next. */
const writing = new Map<string, Promise<unknown>>()

/**
 * Writes the files that a container is given into a folder of its own below its lease's, in place of what was
 * there. Returns how the engine is told to mount them. Throws `start-failed` where those of all containers
 * are more than the lease has disk: the engine keeps nobody to it.
 */
export async function writeFiles(
  { lease, name, diskMiB }: { lease: string; name: string; diskMiB: number | undefined },
  files: readonly ContainerFile[],
): Promise<string[]> {
  const before = writing.get(lease)
  const work = (before ?? Promise.resolve()).catch(() => {}).then(() => write(lease, name, diskMiB, files))
  writing.set(lease, work)
  try {
    return await work
  } finally {
    if (writing.get(lease) === work) writing.delete(lease)
  }
}

async function write(
  lease: string,
  name: string,
  diskMiB: number | undefined,
  files: readonly ContainerFile[],
): Promise<string[]> {
  const folder = join(lease, name)
  await rm(folder, { recursive: true, force: true })
  if (files.length === 0) return []
  if (diskMiB !== undefined) {
    let bytes = await filesBytes(lease)
    for (const { content } of files)
      bytes += Buffer.isBuffer(content) ? content.length : (await stat(content.file)).size
    if (bytes > diskMiB * MIB)
      throw new CloisterError(
        'start-failed',
        `The files of the lease's containers are more than its disk of ${formatMiB(diskMiB)}.`,
        { hint: 'Give a service more disk, or put large files into a volume.' },
      )
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const binds: string[] = []
  for (const [index, file] of files.entries()) {
    const path = join(folder, String(index))
    if (Buffer.isBuffer(file.content)) await writeFile(path, file.content, { mode: 0o600 })
    else await copyFile(file.content.file, path)
    await chown(path, file.uid ?? 0, file.gid ?? 0)
    // Not with the content, since the worker's umask would take away from it.
    await chmod(path, file.mode)
    binds.push(`${path}:${file.path}:${file.writable ? 'rw' : 'ro'}`)
  }
  return binds
}

/** Bytes of the files that were given to a lease's containers, each of which has a folder in this one. */
export async function filesBytes(folder: string): Promise<number> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = found.map(({ parentPath, name }) => stat(join(parentPath, name)).catch(() => undefined))
  return (await Promise.all(sizes)).reduce((sum, one) => sum + (one?.isFile() ? one.size : 0), 0)
}
