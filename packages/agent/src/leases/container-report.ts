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
  /** What it prints is kept from everybody. */
  logs: false | undefined
}

type ServiceReport = LeaseReport['services'][number]

const MAX_REASON_CHARACTERS = 1_000

/** The same, as it is told. */
export function toldOf(reports: readonly ContainerReport[]): ServiceReport[] {
  return reports.map(({ reason, startedAt, exitCode, nextStart, logs, ...report }) => ({
    ...report,
    ...(reason !== undefined && { reason: reason.slice(0, MAX_REASON_CHARACTERS) }),
    ...(startedAt !== undefined && { startedAt }),
    ...(exitCode !== undefined && { exitCode }),
    ...(nextStart !== undefined && { nextStart }),
    ...(logs === false && { logs }),
  }))
}

/**
 * What the engine alone knows of containers, of which this process has no tasks. `silent`: services that
 * keep what they print from everybody.
 */
export function toldOfStatuses(
  statuses: readonly ContainerStatus[],
  silent: readonly string[],
): ServiceReport[] {
  return statuses.map(({ name, running, exit, digest, startedAt }) => ({
    name,
    service: serviceOf(name),
    ...(silent.includes(serviceOf(name)) && { logs: false as const }),
    state: running ? 'running' : exit?.code === 0 ? 'completed' : 'failed',
    restarts: 0,
    image: digest,
    digest,
    startedAt,
    ...(exit && { exitCode: exit.code, ...(exit.outOfMemory && { reason: 'it ran out of memory' }) }),
  }))
}

function serviceOf(container: string): string {
  return container.replace(/-\d+$/, '')
}
