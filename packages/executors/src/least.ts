import { CloisterError, LEAST_MEMORY_MIB } from '@cloister/core'
import type { ContainerSpec } from './executor.ts'

/**
 * Refuses limits with which nothing starts, and those with which a container would take from others. Throws
 * `start-failed`. `rtprio` lets threads run before all others: no share of CPUs bounds them, and engines
 * that run as root grant it.
 */
export function checkLimits({
  name,
  memoryMiB,
  ulimits,
}: Pick<ContainerSpec, 'name' | 'memoryMiB' | 'ulimits'>): void {
  if (memoryMiB < LEAST_MEMORY_MIB)
    throw new CloisterError(
      'start-failed',
      `${name} has ${memoryMiB} MiB of memory, and nothing starts with less than ${LEAST_MEMORY_MIB}.`,
    )
  const { rtprio } = ulimits
  if (rtprio && (rtprio.hard !== 0 || rtprio.soft !== 0))
    throw new CloisterError(
      'start-failed',
      `${name} asks for \`rtprio\`: threads that run before all others are nobody's here.`,
    )
}
