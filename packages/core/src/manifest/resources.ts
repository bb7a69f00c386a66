import { demandsMore, type GpuKind } from './gpu.ts'
import type { Manifest } from './manifest.ts'
import type { Gpu } from './service.ts'

/** What a lease takes of a worker. */
export interface Resources {
  cpuMilli: number
  memoryMiB: number
  diskMiB: number
  gpus: number
  /** GPU models that would do, any of them; empty means any, or no GPU is asked for. */
  gpuModels: string[]
  /** Where more than a model is asked for: of each of these lists, one has to be what the worker has. */
  gpuKinds?: GpuKind[][] | undefined
}

/** The sum over all services (times their count) and volumes. */
export function resourcesOf(manifest: Pick<Manifest, 'services' | 'volumes'>): Resources {
  const sum: Resources = { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, gpuModels: [] }
  const wanted: Gpu[] = []
  for (const { resources, count, tmpfs, shmMiB = 0 } of Object.values(manifest.services)) {
    sum.cpuMilli += resources.cpuMilli * count
    sum.memoryMiB +=
      (resources.memoryMiB + shmMiB + tmpfs.reduce((total, mount) => total + mount.sizeMiB, 0)) * count
    sum.diskMiB += resources.diskMiB * count
    if (resources.gpu) {
      sum.gpus += resources.gpu.count * count
      wanted.push(resources.gpu)
    }
  }
  for (const volume of Object.values(manifest.volumes)) sum.diskMiB += volume.sizeMiB
  sum.gpuModels = commonModels(wanted) ?? []
  const kinds = wanted.map(({ models }) => models).filter((models) => models.some(demandsMore))
  if (kinds.length > 0) sum.gpuKinds = kinds
  return sum
}

/** The models that would do for all of them; undefined where any would. */
export function commonModels(gpus: Gpu[]): string[] | undefined {
  const lists = gpus
    .map(({ models }) => models.map(({ model }) => model))
    .filter((list) => list.length > 0 && !list.includes('*'))
  const [first, ...rest] = lists
  return first && [...new Set(first)].filter((model) => rest.every((list) => list.includes(model))).sort()
}

/** Whether `wanted` fits into `room`, GPU models left aside. */
export function fits(wanted: Resources, room: Omit<Resources, 'gpuModels' | 'gpuKinds'>): boolean {
  return (
    wanted.cpuMilli <= room.cpuMilli &&
    wanted.memoryMiB <= room.memoryMiB &&
    wanted.diskMiB <= room.diskMiB &&
    wanted.gpus <= room.gpus
  )
}
