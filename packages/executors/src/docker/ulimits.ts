import { readFileSync } from 'node:fs'
import type { ContainerSpec } from '../executor.ts'

/** The worker's own hard limits by their names in /proc/self/limits. */
const HARD_LIMITS = Object.fromEntries(
  [...readFileSync('/proc/self/limits', 'utf8').matchAll(/^(Max [a-z ]+?)\s{2,}\S+\s+(\d+)/gm)].map(
    (match) => [match[1], Number(match[2])],
  ),
)

/**
 * The limits of a container's processes, as the engine's interface has them: what its service states, and
 * the worker's own for the rest.
 */
export function ulimitsOf(
  spec: Pick<ContainerSpec, 'ulimits'>,
): { Name: string; Soft: number; Hard: number }[] {
  // Podman asks for more than a guest may have unless told. It lowers its own limits to 32768; nobody gets
  // more than that.
  const room = (name: string) => Math.min(32_768, HARD_LIMITS[name] ?? 1024)
  const own = {
    nofile: { soft: room('Max open files'), hard: room('Max open files') },
    nproc: { soft: room('Max processes'), hard: room('Max processes') },
  }
  return Object.entries({ ...own, ...spec.ulimits }).map(([Name, { soft, hard }]) => ({
    Name,
    Soft: soft,
    Hard: hard,
  }))
}
