import { once } from 'node:events'
import type { LogReport } from '@cloister/core'
import { type Executor, type LogOptions, MAX_TAIL_CHARACTERS } from '@cloister/executors'
import type { LeaseRunner } from '../leases/runner.ts'
import { merge } from './streams.ts'

/** What logs are asked for. Without `follow`, what there is; with it, what comes as well. */
export interface LogRequest {
  /** A service or a container; all of them where there is none. */
  service: string | undefined
  tail: number
  follow: boolean
  signal: AbortSignal
}

/**
 * Lines of a lease's containers. What there is comes in the order of time. Followed, lines come as they are
 * printed, those of containers that an update brings as well, until the lease is wiped; its last lines still
 * come.
 */
export async function* readLogs(
  executor: Executor,
  runner: LeaseRunner,
  request: LogRequest,
): AsyncGenerator<LogReport> {
  if (request.follow) {
    const signal = AbortSignal.any([request.signal, runner.wiped])
    yield* merge(followed(executor, runner, { ...request, signal }))
    return
  }
  let all: LogReport[] = []
  let bytes = 0
  for (const name of namesOf(runner, request.service))
    for await (const line of linesOf(executor, runner, name, request)) {
      all.push(line)
      bytes += line.text.length
      if (bytes <= 2 * MAX_TAIL_CHARACTERS) continue
      all = lastOf(all, request.tail)
      bytes = all.reduce((sum, { text }) => sum + text.length, 0)
    }
  yield* lastOf(all, request.tail)
}

/**
 * The last lines in the order of time: as many as were asked for, and not more than a reader may make us
 * keep.
 */
function lastOf(lines: LogReport[], tail: number): LogReport[] {
  lines.sort((a, b) => a.time - b.time)
  let first = lines.length
  for (let characters = 0; first > 0 && lines.length - first < tail; first--) {
    characters += lines[first - 1]?.text.length ?? 0
    if (characters > MAX_TAIL_CHARACTERS) break
  }
  return lines.slice(first)
}

/**
 * The log of each container: of those there are from the last lines on, of those that come later all of it.
 */
async function* followed(
  executor: Executor,
  runner: LeaseRunner,
  request: LogRequest,
): AsyncGenerator<AsyncIterable<LogReport>> {
  const { service, signal } = request
  const known = new Set<string>()
  for (let tail = request.tail; !signal.aborted; tail = Number.POSITIVE_INFINITY) {
    const fresh = namesOf(runner, service).filter((name) => !known.has(name))
    for (const name of fresh) {
      known.add(name)
      yield linesOf(executor, runner, name, { tail, follow: true, signal })
    }
    // Nothing may come between looking and waiting.
    if (fresh.length === 0) await once(runner.changes, 'change', { signal }).catch(() => {})
  }
}

/** The containers that a name stands for and whose lines may be read: those of a service, or one of them. */
function namesOf(runner: LeaseRunner, service: string | undefined): string[] {
  return runner
    .report()
    .filter((report) => service === undefined || report.service === service || report.name === service)
    .filter(({ logs }) => logs !== false)
    .map((report) => report.name)
}

async function* linesOf(
  executor: Executor,
  runner: LeaseRunner,
  container: string,
  options: LogOptions,
): AsyncGenerator<LogReport> {
  // An update may have changed who reads it.
  for await (const { time, stream, text } of executor.logs(runner.id, container, options))
    if (runner.mayRead(container)) yield { time, container, stream, text }
}
