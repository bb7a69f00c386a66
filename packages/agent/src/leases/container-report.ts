import type { LeaseReport } from '@cloister/core'
import type { ContainerStatus } from '@cloister/executors'
import type { ContainerState } from './container-task.ts'

/** One container in a lease's status. */
export interface ContainerReport {
  name: string
  service: string
  state: ContainerState
  reason: string | undefined
  restarts: number
  image: string
  digest: string
  startedAt: number | undefined
  exitCode: number | undefined
  /** When its schedule starts it next, Unix milliseconds. */
  nextStart: number | undefined
}

type ServiceReport = LeaseReport['services'][number]

const MAX_REASON_CHARACTERS = 1_000

/** The same, as it is told. */
export function toldOf(reports: readonly ContainerReport[]): ServiceReport[] {
  return reports.map(({ reason, startedAt, exitCode, nextStart, ...report }) => ({
    ...report,
    ...(reason !== undefined && { reason: reason.slice(0, MAX_REASON_CHARACTERS) }),
    ...(startedAt !== undefined && { startedAt }),
    ...(exitCode !== undefined && { exitCode }),
    ...(nextStart !== undefined && { nextStart }),
  }))
}

/** What the engine alone knows of containers, of which this process has no tasks. */
export function toldOfStatuses(statuses: readonly ContainerStatus[]): ServiceReport[] {
  return statuses.map(({ name, running, exit, digest, startedAt }) => ({
    name,
    service: name.replace(/-\d+$/, ''),
    state: running ? 'running' : exit?.code === 0 ? 'completed' : 'failed',
    restarts: 0,
    image: digest,
    digest,
    startedAt,
    ...(exit && { exitCode: exit.code, ...(exit.outOfMemory && { reason: 'it ran out of memory' }) }),
  }))
}
