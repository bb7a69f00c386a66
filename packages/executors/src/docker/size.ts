import type Docker from 'dockerode'
import type { Size } from '../executor.ts'
import { statusOf } from './failures.ts'

const MIB = 1024 ** 2

/** A container's share, as engines are told it. Memory is all there is: none of it is swapped. */
export function limitsOf({ cpuMilli, memoryMiB }: Size) {
  return { Memory: memoryMiB * MIB, MemorySwap: memoryMiB * MIB, NanoCpus: cpuMilli * 1_000_000 }
}

/** The share that an engine says a container has. */
export function sizeOf({
  NanoCpus,
  Memory,
}: {
  NanoCpus?: number | undefined
  Memory?: number | undefined
}): Size {
  return { cpuMilli: Math.round((NanoCpus ?? 0) / 1_000_000), memoryMiB: Math.round((Memory ?? 0) / MIB) }
}

/** Gives a container another share as it is. False where it has the one it had. */
export async function resizeContainer(container: Docker.Container, size: Size): Promise<boolean> {
  // Docker refuses what is less than in use; Podman 4 knows nothing of it. What it has then tells.
  await container.update(limitsOf(size)).catch(() => {})
  const has = await container.inspect().then(
    ({ HostConfig }) => sizeOf(HostConfig),
    (error) => {
      if (statusOf(error) === 404) return { cpuMilli: 0, memoryMiB: 0 }
      throw error
    },
  )
  return has.cpuMilli === size.cpuMilli && has.memoryMiB === size.memoryMiB
}
