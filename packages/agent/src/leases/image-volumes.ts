import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Service } from '@cloister/core'
import type { ContainerSpec, Image } from '@cloister/executors'

/** As many as any image that is known to us has, and some more. */
const MAX_VOLUMES = 32
/** The engine's own, and the root itself. */
const RESERVED = /^\/(?:(?:proc|sys|dev)(?:\/|$)|$)/

/**
 * Volumes for what an image says is one (`VOLUME`) and its service says nothing of: one for each container,
 * kept through restarts and updates as Compose keeps them, on the lease's disk. Paths that no engine takes
 * are passed over.
 */
export function imageVolumes(
  container: string,
  image: Pick<Image, 'volumes'>,
  service: Pick<Service, 'mounts' | 'tmpfs' | 'files'>,
): ContainerSpec['mounts'] {
  const taken = new Set(
    [...service.mounts, ...service.tmpfs, ...service.files].map(({ path }) => plain(path)),
  )
  const paths = new Set(image.volumes.filter((path) => isPlain(path)).map(plain))
  return [...paths]
    .filter((path) => !taken.has(path) && !RESERVED.test(path))
    .sort()
    .slice(0, MAX_VOLUMES)
    .map((path) => ({
      volume: `${container}.image-${createHash('sha256').update(path).digest('hex').slice(0, 12)}`,
      path,
      readOnly: false,
    }))
}

/** Absolute, of a length and of characters that engines take. */
function isPlain(path: string): boolean {
  return /^\/[^\p{Cc}:]{0,1023}$/u.test(path) && !path.split('/').includes('..')
}

function plain(path: string): string {
  return posix
    .normalize(path)
    .replace(/(?<=.)\/$/, '')
    .replace(/^\/\//, '/')
}
