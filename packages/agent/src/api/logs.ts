import type { LogReport } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import { merge } from './streams.ts'

/** What logs are asked for. Without `follow`, what there is; with it, what comes as well. */
export interface LogRequest {
  lease: string
  containers: string[]
  tail: number
  follow: boolean
  signal: AbortSignal
}

/** Lines of several containers: what there is in the order of time, then what comes as it comes. */
export async function* readLogs(executor: Executor, { lease, containers, tail, follow, signal }: LogRequest): AsyncGenerator<LogReport> {
  if (containers.length === 1 || follow) {
    yield* merge(containers.map((container) => tagged(executor, lease, container, { tail, follow, signal })))
    return
  }
  const all: LogReport[] = []
  for (const container of containers) for await (const line of tagged(executor, lease, container, { tail, follow, signal })) all.push(line)
  yield* all.sort((a, b) => a.time - b.time).slice(-tail)
}

async function* tagged(
  executor: Executor,
  lease: string,
  container: string,
  options: { tail: number; follow: boolean; signal: AbortSignal },
): AsyncGenerator<LogReport> {
  for await (const { time, stream, text } of executor.logs(lease, container, options)) yield { time, container, stream, text }
}
