import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { loop } from '@cloister/core'
import type Docker from 'dockerode'
import type { ContainerSpec, LogLine, LogOptions } from '../executor.ts'
import { K8sLogFormat } from '../logs/k8s-file.ts'
import { readLogFile } from '../logs/read-file.ts'
import { statusOf } from './failures.ts'
import { readMultiplexed, readPlain } from './log-stream.ts'

const LOOK_MS = 500
const STREAMS = { stdout: true, stderr: true, timestamps: true } as const

const NOWHERE = 'none'

/** How an engine keeps what a container prints: 20 MiB of it at most, or nothing. */
export function logConfig(
  { logs }: Pick<ContainerSpec, 'logs'>,
  podman: boolean,
): { Type: string; Config: Record<string, string> } {
  if (logs === false) return { Type: NOWHERE, Config: {} }
  return podman
    ? { Type: 'k8s-file', Config: { 'max-size': '20m' } }
    : { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } }
}

/**
 * What a container printed; followed, also what it goes on to print, through restarts and through others in
 * its place, until the caller hangs up.
 *
 * Docker tells all of it. Podman, asked to follow, reads the last lines and then goes to the end of the
 * file, so that what is written in between is lost, and lets go of what a slow reader has not taken once the
 * container ended (measured with 4.3.1; libpod, `GetLogFile` and `readFromLogFile`). Its file is read here
 * instead, where it is within reach.
 */
export async function* readContainerLogs(
  container: Docker.Container,
  options: LogOptions,
  podman: boolean,
): AsyncGenerator<LogLine> {
  const ended = new AbortController()
  const signal = AbortSignal.any([options.signal, ended.signal])
  try {
    let run = await runOf(container, podman)
    if (!options.follow) {
      if (run?.file) yield* readLogFile(run.file, options, new K8sLogFormat())
      else if (run)
        yield* readerFor(run)(
          Readable.from([await container.logs({ ...STREAMS, tail: options.tail, follow: false })]),
        )
      return
    }
    for (let tail: number | undefined = options.tail; !signal.aborted; tail = undefined) {
      if (run?.file) {
        const next = nextRun(container, run, podman, signal)
        const replaced = new AbortController()
        next.catch(() => {}).finally(() => replaced.abort())
        yield* readLogFile(
          run.file,
          { tail: tail ?? Number.POSITIVE_INFINITY, follow: true, signal: replaced.signal },
          new K8sLogFormat(),
        )
        run = await next
      } else {
        if (run)
          yield* followStream(
            container,
            run,
            tail === undefined ? { since: run.startedAt / 1000 } : { tail },
            signal,
          )
        run = await nextRun(container, run, podman, signal)
      }
    }
  } finally {
    ended.abort()
  }
}

async function* followStream(
  container: Docker.Container,
  run: Run,
  from: { tail: number } | { since: number },
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const asked = container.logs({
    ...STREAMS,
    ...from,
    follow: true,
    abortSignal: signal,
  }) as Promise<Readable>
  const stream = await asked.catch((error) => {
    // Gone since we looked, or nobody wants it any more.
    if (statusOf(error) === 404 || signal.aborted) return Readable.from([])
    throw error
  })
  const stop = () => stream.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    yield* readerFor(run)(stream)
  } finally {
    stop()
    signal.removeEventListener('abort', stop)
  }
}

interface Run {
  /** Differs from that of every run whose log goes elsewhere. */
  key: string
  /** Unix milliseconds. */
  startedAt: number
  /** Where Podman keeps what is printed, where that can be read from here. */
  file: string | undefined
  /** Its output is a terminal, which has one stream. */
  terminal: boolean
}

function readerFor({ terminal }: Run) {
  return terminal ? readPlain : readMultiplexed
}

/** What runs or ran under the container's name last; undefined where nothing of it is kept. */
async function runOf(container: Docker.Container, podman: boolean): Promise<Run | undefined> {
  try {
    const { Id, State, LogPath, Config, HostConfig } = await container.inspect()
    if (HostConfig.LogConfig?.Type === NOWHERE) return undefined
    const startedAt = Date.parse(State.StartedAt)
    // Never started, which engines tell as the year 1.
    if (!(startedAt > 0)) return undefined
    const readable =
      podman &&
      (LogPath ?? '') !== '' &&
      (await access(LogPath, constants.R_OK).then(
        () => true,
        () => false,
      ))
    return {
      key: readable ? Id : `${Id} ${State.StartedAt}`,
      startedAt,
      file: readable ? LogPath : undefined,
      terminal: Config.Tty,
    }
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/** Waits for a run that is another one than `run`; undefined where the caller hung up. */
async function nextRun(
  container: Docker.Container,
  run: Run | undefined,
  podman: boolean,
  signal: AbortSignal,
): Promise<Run | undefined> {
  let next: Run | undefined
  await loop(signal, async () => {
    const found = await runOf(container, podman)
    if (!found || found.key === run?.key) return LOOK_MS
    next = found
    return undefined
  })
  return next
}
