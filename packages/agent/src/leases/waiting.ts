import { type EventEmitter, on, once } from 'node:events'
import { CloisterError, type Manifest, type Service, startPatienceMs, timerMs } from '@cloister/core'
import type { ContainerTask } from './container-task.ts'

/** So many ends before it was ready, and a new manifest is given up. */
const TRIAL_EXITS = 3

/**
 * Waits until all containers are ready, for as long as a tenant does. Throws `start-failed` naming the one
 * that isn't.
 */
export async function trial(
  manifest: Manifest,
  tasksNow: () => ContainerTask[],
  changes: EventEmitter,
  signal: AbortSignal,
): Promise<void> {
  // Images' own checks are known here alone.
  const patience = Math.max(
    0,
    ...tasksNow().map(({ health }) =>
      health ? health.startPeriodMs + health.retries * (health.intervalMs + health.timeoutMs) : 0,
    ),
  )
  const late = AbortSignal.timeout(timerMs(startPatienceMs(manifest) + patience))
  const either = AbortSignal.any([signal, late])
  for (;;) {
    signal.throwIfAborted()
    const tasks = tasksNow()
    if (tasks.every((task) => task.isReady)) return
    const bad = tasks.find(
      (task) => task.state === 'failed' || task.state === 'unhealthy' || task.earlyExits >= TRIAL_EXITS,
    )
    const slow = late.aborted ? tasks.find((task) => !task.isReady) : undefined
    const failed = bad ?? slow
    if (failed)
      throw new CloisterError(
        'start-failed',
        notStarted(failed.spec.name, bad?.reason ?? 'it is not ready in time'),
      )
    await once(changes, 'change', { signal: either }).catch(() => {})
  }
}

/** What is said of a container that does not start; engines' own errors say so themselves. */
function notStarted(name: string, reason: string): string {
  const words = reason.replace(/\.$/, '')
  return words.startsWith(`${name} does not start: `) ? `${words}.` : `${name} does not start: ${words}.`
}

/** Waits until what a container depends on is true. Throws `start-failed` where it never will be. */
export async function untilTrue(
  { service, condition, optional }: Service['dependsOn'][number],
  tasksNow: () => ContainerTask[],
  changes: EventEmitter,
  signal: AbortSignal,
): Promise<void> {
  const isTrue = () => {
    const tasks = tasksNow().filter((task) => task.spec.service === service)
    const failed = tasks.find((task) => task.state === 'failed')
    if (failed && optional) return true
    if (condition === 'completed') {
      if (failed)
        throw new CloisterError(
          'start-failed',
          `${failed.spec.name}, which had to complete first, failed: ${failed.reason}`,
        )
      return tasks.every((task) => task.state === 'completed')
    }
    return tasks.every((task) => (condition === 'healthy' ? task.state === 'running' : task.hasStarted))
  }
  if (isTrue()) return
  for await (const _ of on(changes, 'change', { signal })) if (isTrue()) return
}
