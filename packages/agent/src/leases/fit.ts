import { formatCpu, formatMiB } from '@cloister/core'
import type { ContainerSpec, ContainerStatus, Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import type { Store } from '../store.ts'
import type { ContainerTask } from './container-task.ts'
import { isSameSize, sizeOf } from './size.ts'

interface FitParts {
  id: Hex
  executor: Executor
  store: Store
  emit: (kind: string, message: string) => void
  /** See `Changes`. */
  step<T>(work: Promise<T>, signal: AbortSignal): Promise<T>
}

/** Gives a lease's disk and its containers the sizes that they are to have, as they run where that can be. */
export class Fit {
  private readonly parts: FitParts

  constructor(parts: FitParts) {
    this.parts = parts
  }

  /** Whether the lease's disk is as large as the lease says; false where that takes everything to end. */
  async disk(signal: AbortSignal): Promise<boolean> {
    const lease = this.parts.store.lease(this.parts.id)
    return (
      lease === undefined ||
      this.parts.step(this.parts.executor.resizeDisk(this.parts.id, lease.resources.diskMiB), signal)
    )
  }

  /** Whether a task's container has the size of `spec`, which it is given as it runs where that can be. */
  async task(task: ContainerTask, spec: ContainerSpec, signal: AbortSignal): Promise<boolean> {
    const { name } = spec
    if (isSameSize(task.spec, spec)) return true
    // One that waits has no container yet, and begins with what its task says.
    if (task.state === 'waiting' || task.state === 'scheduled') return false
    const isDone = await this.parts.step(
      this.parts.executor.resize(this.parts.id, name, sizeOf(spec)),
      signal,
    )
    if (isDone) {
      task.resized(sizeOf(spec))
      this.parts.emit(
        'resized',
        `${name} has ${formatCpu(spec.cpuMilli)} and ${formatMiB(spec.memoryMiB)} now, and runs on.`,
      )
    }
    return isDone
  }

  /** The same of a container without a task. */
  async container(status: ContainerStatus, spec: ContainerSpec, signal: AbortSignal): Promise<boolean> {
    return (
      isSameSize(status, spec) ||
      this.parts.step(this.parts.executor.resize(this.parts.id, status.name, sizeOf(spec)), signal)
    )
  }
}
