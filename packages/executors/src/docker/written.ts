import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type Docker from 'dockerode'
import { folderBytes } from '../disk.ts'
import { statusOf } from './failures.ts'

/** Bytes that containers wrote, with the volumes in these folders. */
export async function writtenBytes(volumes: readonly string[], containers: readonly Docker.Container[]): Promise<number> {
  const folders = new Set(volumes)
  let bytes = 0
  for (const container of containers) {
    const written = await writtenBy(container)
    for (const folder of written.folders) folders.add(folder)
    bytes += written.bytes
  }
  for (const folder of folders) bytes += await folderBytes(folder)
  return bytes
}

/**
 * Folders that hold what a container wrote: its volumes, those included that an engine makes of an image's own accord, and what it
 * changed of its image, where that can be read here. Where it can't, as many `bytes` as the engine says.
 */
async function writtenBy(container: Docker.Container): Promise<{ folders: string[]; bytes: number }> {
  try {
    const { Mounts, GraphDriver } = await container.inspect()
    const folders = Mounts.filter(({ Type }) => Type === 'volume').map(({ Source }) => Source)
    const changed = (GraphDriver?.Data as Record<string, string> | null | undefined)?.['UpperDir']
    if (changed !== undefined && (await isReadable(changed))) return { folders: [...folders, changed], bytes: 0 }
    const sized = (await container.inspect({ size: true } as Docker.ContainerInspectOptions)) as { SizeRw?: number }
    return { folders, bytes: sized.SizeRw ?? 0 }
  } catch (error) {
    if (statusOf(error) === 404) return { folders: [], bytes: 0 }
    throw error
  }
}

/** Whether this process may look at what is in a folder. */
export function isReadable(folder: string): Promise<boolean> {
  return access(folder, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}
