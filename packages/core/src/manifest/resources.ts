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
}

/** The sum over all services (times their count) and volumes. */
export function resourcesOf(manifest: Manifest): Resources {
  const sum: Resources = { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, gpuModels: [] }
  const wanted: Gpu[] = []
  for (const { resources, count, tmpfs, shmMiB = 0 } of Object.values(manifest.services)) {
    sum.cpuMilli += resources.cpuMilli * count
    sum.memoryMiB += (resources.memoryMiB + shmMiB + tmpfs.reduce((total, mount) => total + mount.sizeMiB, 0)) * count
    sum.diskMiB += resources.diskMiB * count
    if (resources.gpu) {
      sum.gpus += resources.gpu.count * count
      wanted.push(resources.gpu)
    }
  }
  for (const volume of Object.values(manifest.volumes)) sum.diskMiB += volume.sizeMiB
  const lists = wanted.filter((gpu) => gpu.models.length > 0).map((gpu) => gpu.models.map((m) => m.model))
  const [first = [], ...rest] = lists
  sum.gpuModels = [...new Set(first)].filter((model) => rest.every((list) => list.includes(model))).sort()
  return sum
}

/** Whether `wanted` fits into `room`, GPU models left aside. */
export function fits(wanted: Resources, room: Omit<Resources, 'gpuModels'>): boolean {
  return wanted.cpuMilli <= room.cpuMilli && wanted.memoryMiB <= room.memoryMiB && wanted.diskMiB <= room.diskMiB && wanted.gpus <= room.gpus
}
