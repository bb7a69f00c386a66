import type { ContainerStatus, Exit } from '../executor.ts'
import { LOST } from '../several-machines.ts'
import type { ContainerStatusOfPod, Pod } from './api-types.ts'
import { LABEL, MAIN, PREPARE } from './names.ts'

/** Exit code of a process that was killed: 128 + SIGKILL. */
const KILLED = 137
const MOST_TEXT = 300

/** How a container's pod is doing. */
export type PodState =
  /** It has no machine yet, or its image is on the way. `trouble`: what the cluster says of it. */
  | { is: 'waiting'; trouble?: string | undefined }
  /** It waits for what it is to be told. */
  | { is: 'preparing' }
  | { is: 'running'; startedAt: number }
  | { is: 'ended'; exit: Exit; startedAt: number }
  /** Nothing of it will run: its first process didn't do what it was told, or the cluster refused it. */
  | { is: 'failed'; trouble: string }

/** Tells how a pod is doing, by what the API server says of it, whatever that is. */
export function podState(pod: Pod): PodState {
  const { status, metadata } = pod
  const main = statusOf(status?.containerStatuses, MAIN)
  const startedAt = timeOf(main?.state?.running?.startedAt ?? main?.state?.terminated?.startedAt)
  const ended = main?.state?.terminated
  // Ended by the worker, at once (`Launcher.end`): kubelet doesn't always say with what.
  if (status?.reason === 'DeadlineExceeded') {
    const isKnown = Number.isInteger(ended?.exitCode)
    return {
      is: 'ended',
      exit: { code: isKnown ? Number(ended?.exitCode) & 0xff : KILLED, outOfMemory: false },
      startedAt,
    }
  }
  // What kubelet couldn't tell is no exit of its own: the machine went away under it.
  if (ended && ended.reason !== 'ContainerStatusUnknown') {
    const code = Number.isInteger(ended.exitCode) ? Number(ended.exitCode) & 0xff : 255
    return { is: 'ended', exit: { code, outOfMemory: ended.reason === 'OOMKilled' }, startedAt }
  }
  if (ended || metadata?.deletionTimestamp !== undefined || status?.reason === 'NodeLost')
    return { is: 'ended', exit: LOST, startedAt }
  const prepared = statusOf(status?.initContainerStatuses, PREPARE)
  const failed = prepared?.state?.terminated
  if (failed && failed.exitCode !== 0)
    return { is: 'failed', trouble: `its files could not be made (${String(failed.exitCode).slice(0, 12)})` }
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') {
    const why = textOf(status.message) ?? textOf(status.reason) ?? 'the cluster gave no reason'
    // Refused before it ran; or its machine threw it out, and another may have it.
    return main === undefined || main.state?.waiting !== undefined
      ? { is: 'failed', trouble: why }
      : { is: 'ended', exit: LOST, startedAt }
  }
  if (main?.state?.running) return { is: 'running', startedAt }
  if (prepared?.state?.running) return { is: 'preparing' }
  return { is: 'waiting', trouble: troubleOf(pod) }
}

/** Whether a container was told what to run, so that it is a container and not the beginning of one. */
export function wasStarted(state: PodState): boolean {
  return state.is === 'running' || state.is === 'ended'
}

/** Whether a pod is a container of its lease, and no other that the worker has beside them. */
export function isContainer({ metadata }: Pod): boolean {
  return metadata?.annotations?.[`${LABEL}/name`] !== undefined
}

/** What an executor says of a container, by its pod. Undefined for a pod that isn't one of ours. */
export function statusOfPod(pod: Pod): ContainerStatus | undefined {
  const notes = pod.metadata?.annotations ?? {}
  const name = notes[`${LABEL}/name`]
  const [, cpu, memory] = /^(\d{1,9}) (\d{1,9})$/.exec(notes[`${LABEL}/size`] ?? '') ?? []
  const state = podState(pod)
  if (name === undefined || cpu === undefined || !wasStarted(state)) return undefined
  return {
    name,
    revision: notes[`${LABEL}/revision`] ?? '',
    digest: notes[`${LABEL}/digest`] ?? '',
    running: state.is === 'running',
    exit: state.is === 'ended' ? state.exit : undefined,
    startedAt: state.is === 'running' || state.is === 'ended' ? state.startedAt : 0,
    cpuMilli: Number(cpu),
    memoryMiB: Number(memory),
  }
}

/** Of which of a container's pods it is, the later one's being greater. */
export function instanceOf({ metadata }: Pod): number {
  const instance = Number(metadata?.annotations?.[`${LABEL}/instance`])
  return Number.isSafeInteger(instance) ? instance : 0
}

function troubleOf({ status }: Pod): string | undefined {
  const waiting = [...listOf(status?.initContainerStatuses), ...listOf(status?.containerStatuses)]
    .map(({ state }) => state?.waiting)
    .find(
      (one) => one !== undefined && one.reason !== 'PodInitializing' && one.reason !== 'ContainerCreating',
    )
  if (waiting) return textOf(waiting.message) ?? textOf(waiting.reason)
  const unplaced = listOf(status?.conditions).find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  )
  return textOf(unplaced?.message)
}

function statusOf(
  all: readonly ContainerStatusOfPod[] | undefined,
  name: string,
): ContainerStatusOfPod | undefined {
  return listOf(all).find((one) => one?.name === name)
}

function listOf<T>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? list : []
}

function textOf(text: unknown): string | undefined {
  return typeof text === 'string' && text !== '' ? text.slice(0, MOST_TEXT) : undefined
}

function timeOf(time: unknown): number {
  const value = time instanceof Date ? time.getTime() : Date.parse(String(time))
  return Number.isFinite(value) ? value : 0
}
