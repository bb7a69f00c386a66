import { CloisterError } from '../errors/error.ts'
import { checkManifest } from './canonical.ts'
import type { Manifest } from './manifest.ts'

/** What of one service's size is to be another; what isn't named stays. Each copy of the service has it. */
export interface SizeChange {
  /** The service; the only one, if not given. */
  service?: string | undefined
  /** The volume that `diskMiB` is for; the only one that the service mounts, if not given. */
  volume?: string | undefined
  cpuMilli?: number | undefined
  memoryMiB?: number | undefined
  /** Of the volume; of the service's own disk where it mounts none. */
  diskMiB?: number | undefined
  gpus?: number | undefined
}

/**
 * The same manifest with another size. Throws `bad-option` where it isn't clear whose size is meant, or
 * nothing is changed, and `bad-manifest` where a size is out of bounds.
 *
 * @example
 * ```ts
 * import { leases, resizeManifest } from '@cloister/sdk'
 *
 * const running = await leases.manifestOf(cloister, 'my-app')
 * const larger = resizeManifest(running, { service: 'web', memoryMiB: 4096, diskMiB: 20_480 })
 * ```
 */
export function resizeManifest(manifest: Manifest, change: SizeChange): Manifest {
  const resized = structuredClone(manifest)
  const { cpuMilli, memoryMiB, diskMiB, gpus } = change
  if ([cpuMilli, memoryMiB, diskMiB, gpus].every((size) => size === undefined))
    throw new CloisterError('bad-option', 'Say what is to have another size: CPUs, memory, disk or GPUs.')
  const named = change.volume
  if (named !== undefined && diskMiB === undefined)
    throw new CloisterError('bad-option', `Say how large the volume ${named} is to be.`)
  if (named !== undefined && !Object.hasOwn(resized.volumes, named))
    throw unknown('volume', named, resized.volumes)
  // A volume that is named is in need of no service.
  const isVolumeAlone = named !== undefined && [cpuMilli, memoryMiB, gpus].every((size) => size === undefined)
  if (isVolumeAlone && change.service === undefined) {
    setVolume(resized, named, diskMiB ?? 0)
    return checkManifest(resized)
  }
  const service = serviceOf(resized, change.service)
  if (cpuMilli !== undefined) service.resources.cpuMilli = cpuMilli
  if (memoryMiB !== undefined) service.resources.memoryMiB = memoryMiB
  if (gpus === 0) delete service.resources.gpu
  else if (gpus !== undefined)
    service.resources.gpu = { ...(service.resources.gpu ?? { vendor: 'nvidia', models: [] }), count: gpus }
  if (diskMiB !== undefined) {
    const volume = named ?? volumeOf(service)
    if (volume === undefined) service.resources.diskMiB = diskMiB
    else setVolume(resized, volume, diskMiB)
  }
  return checkManifest(resized)
}

function setVolume({ volumes }: Manifest, name: string, sizeMiB: number): void {
  const volume = volumes[name]
  if (volume) volume.sizeMiB = sizeMiB
}

function serviceOf({ services }: Manifest, name: string | undefined): Manifest['services'][string] {
  const names = Object.keys(services)
  if (name === undefined && names.length > 1)
    throw new CloisterError('bad-option', `Say which service: ${names.sort().join(', ')}.`)
  const found = name ?? names[0] ?? ''
  const service = Object.hasOwn(services, found) ? services[found] : undefined
  if (!service) throw unknown('service', found, services)
  return service
}

function volumeOf({ mounts }: Manifest['services'][string]): string | undefined {
  const names = [...new Set(mounts.map(({ volume }) => volume))]
  if (names.length > 1)
    throw new CloisterError('bad-option', `Say which volume the disk is for: ${names.sort().join(', ')}.`)
  return names[0]
}

function unknown(what: string, name: string, all: object): CloisterError {
  const names = Object.keys(all).sort().join(', ')
  return new CloisterError('bad-option', `The lease has no ${what} ${name}. It has: ${names || 'none'}.`)
}
