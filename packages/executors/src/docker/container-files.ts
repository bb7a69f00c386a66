import { chmod, chown, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerFile } from '../executor.ts'

/**
 * Writes the files that a container is given into a folder of its own, in place of what was there. Returns
 * how the engine is told to mount them.
 */
export async function writeFiles(folder: string, files: readonly ContainerFile[]): Promise<string[]> {
  await rm(folder, { recursive: true, force: true })
  if (files.length === 0) return []
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const binds: string[] = []
  for (const [index, file] of files.entries()) {
    const path = join(folder, String(index))
    if (Buffer.isBuffer(file.content)) await writeFile(path, file.content, { mode: 0o600 })
    else await copyFile(file.content.file, path)
    await chown(path, file.uid ?? 0, file.gid ?? 0)
    // Not with the content, since the worker's umask would take away from it.
    await chmod(path, file.mode)
    binds.push(`${path}:${file.path}:ro`)
  }
  return binds
}

/** Bytes of the files that were given to a lease's containers, each of which has a folder in this one. */
export async function filesBytes(folder: string): Promise<number> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = found.map(({ parentPath, name }) => stat(join(parentPath, name)).catch(() => undefined))
  return (await Promise.all(sizes)).reduce((sum, one) => sum + (one?.isFile() ? one.size : 0), 0)
}
