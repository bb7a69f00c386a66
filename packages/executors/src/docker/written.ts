import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type Docker from 'dockerode'
import { folderBytes } from '../disk.ts'
import { statusOf } from './failures.ts'
import type { VolumeSizes } from './volume-sizes.ts'

/** A volume of a lease's, and where it lies. */
export interface VolumePlace {
  name: string
  folder: string
}

/**
 * Bytes that containers wrote, with these volumes. What can't be counted here is as much as the engine says.
 */
export async function writtenBytes(
  volumes: readonly VolumePlace[],
  containers: readonly Docker.Container[],
  sizes: VolumeSizes,
): Promise<number> {
  const found = new Map(volumes.map(({ name, folder }) => [name, folder]))
  const folders: string[] = []
  let bytes = 0
  for (const container of containers) {
    const written = await writtenBy(container)
    for (const { name, folder } of written.volumes) found.set(name, folder)
    if (written.changed !== undefined) folders.push(written.changed)
    bytes += written.bytes
  }
  for (const [name, folder] of found) {
    if (await isCountable(folder)) folders.push(folder)
    else bytes += (await sizes.all()).get(name) ?? 0
  }
  for (const folder of folders) bytes += await folderBytes(folder)
  return bytes
}

/**
 * What holds what a container wrote: its volumes, those included that an engine makes of an image's own
 * accord, and what it changed of its image, where that can be counted here. Where it can't, as many `bytes`
 * as the engine says.
 */
async function writtenBy(
  container: Docker.Container,
): Promise<{ volumes: VolumePlace[]; changed?: string; bytes: number }> {
  try {
    const { Mounts, GraphDriver } = await container.inspect()
    const volumes = Mounts.filter(({ Type }) => Type === 'volume').map(({ Name, Source }) => ({
      name: Name ?? '',
      folder: Source,
    }))
    const changed = (GraphDriver?.Data as Record<string, string> | null | undefined)?.['UpperDir']
    if (changed !== undefined && (await isCountable(changed))) return { volumes, changed, bytes: 0 }
    const sized = (await container.inspect({ size: true } as Docker.ContainerInspectOptions)) as {
      SizeRw?: number
    }
    return { volumes, bytes: sized.SizeRw ?? 0 }
  } catch (error) {
    if (statusOf(error) === 404) return { volumes: [], bytes: 0 }
    throw error
  }
}

/** Whether all that is in a folder can be counted here: containers make folders that only root looks into. */
async function isCountable(folder: string): Promise<boolean> {
  return process.getuid?.() === 0 && (await isReadable(folder))
}

/** Whether this process may look at what is in a folder. */
export function isReadable(folder: string): Promise<boolean> {
  return access(folder, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}
