import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as delay } from 'node:timers/promises'
import type { LogLine, LogOptions } from '../executor.ts'
import type { Pod } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { statusOf } from './failures.ts'
import { MAIN } from './names.ts'
import { podState, wasStarted } from './pod-state.ts'

const PAUSE_MS = 300
const MOST_LINE = 16 * 1024
/** What an unfinished line may take: 16 Ki characters of four bytes, and its time. */
const MOST_UNFINISHED = 80 * 1024

/**
 * How far a log was read: the time of the last line as kubelet writes it, and how many lines had that time.
 */
interface Mark {
  time: string
  count: number
}

/**
 * What a container printed, in its pods one after the other: `podsOf` gives them, the newest first. A log
 * whose connection breaks off is read on from the second of its last line, and what was told is left out.
 */
export async function* readLogs(
  cluster: Cluster,
  podsOf: () => Pod[],
  options: LogOptions,
): AsyncGenerator<LogLine> {
  const { tail, follow, signal } = options
  const first = podsOf().filter((pod) => wasStarted(podState(pod)))
  const done = new Set<string | undefined>()
  const begin: LogLine[] = []
  // What came before the newest pod's is known in full: those have ended.
  for (const pod of first.slice(1).reverse()) {
    done.add(pod.metadata?.uid)
    for await (const { line } of linesOf(cluster, pod, { tail, follow: false, signal }, undefined))
      begin.push(line)
  }
  let left: LogLine[] | undefined = begin
  const marks = new Map<string | undefined, Mark>()
  while (!signal.aborted) {
    const pods = podsOf().filter((pod) => wasStarted(podState(pod)) && !done.has(pod.metadata?.uid))
    const pod = pods.at(-1)
    const uid = pod?.metadata?.uid
    if (pod) {
      // One that has ended is read to its end, and then no more.
      const hasEnded = podState(pod).is === 'ended'
      if (left) {
        const now: LogLine[] = []
        for await (const { line, mark } of linesOf(
          cluster,
          pod,
          { tail, follow: false, signal },
          undefined,
        )) {
          now.push(line)
          marks.set(uid, mark)
        }
        const all = [...left, ...now]
        left = undefined
        yield* tail === 0 ? [] : all.slice(-tail)
      }
      if (!follow) return
      for await (const { line, mark } of linesOf(cluster, pod, { follow: true, signal }, marks.get(uid))) {
        marks.set(uid, mark)
        yield line
      }
      if (hasEnded) done.add(uid)
    } else if (left && !follow) {
      yield* tail === 0 ? [] : left.slice(-tail)
      return
    } else if (left && left.length > 0) {
      yield* tail === 0 ? [] : left.slice(-tail)
      left = undefined
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
  }
}

/** Lines of one pod, after those that `after` tells of. Ends where the connection does. */
async function* linesOf(
  cluster: Cluster,
  pod: Pod,
  { tail, follow, signal }: { tail?: number; follow: boolean; signal: AbortSignal },
  after: Mark | undefined,
): AsyncGenerator<{ line: LogLine; mark: Mark }> {
  const { namespace = '', name = '' } = pod.metadata ?? {}
  const query = {
    container: MAIN,
    timestamps: true,
    ...(follow && { follow }),
    ...(tail !== undefined && { tailLines: tail }),
    // Kubelet takes whole seconds only.
    ...(after && { sinceTime: `${after.time.slice(0, 19)}Z` }),
  }
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/log`
  const body = await cluster.follow(path, query, signal).catch((error) => {
    // Gone meanwhile, or its machine doesn't answer: whoever follows asks again.
    if (signal.aborted || statusOf(error) !== undefined) return undefined
    throw error
  })
  if (!body) return
  let mark: Mark = { time: '', count: 0 }
  try {
    for await (const text of textLines(body)) {
      const parsed = parseLine(text)
      if (!parsed) continue
      mark = parsed.time === mark.time ? { ...mark, count: mark.count + 1 } : { time: parsed.time, count: 1 }
      if (
        after &&
        (isBefore(mark.time, after.time) || (mark.time === after.time && mark.count <= after.count))
      )
        continue
      const time = Date.parse(parsed.time)
      for (let at = 0; at === 0 || at < parsed.text.length; at += MOST_LINE)
        yield {
          line: { time, stream: 'stdout', text: parsed.text.slice(at, at + MOST_LINE) },
          mark,
        }
    }
  } catch (error) {
    // A connection that breaks off is begun anew where somebody follows.
    if (!signal.aborted && !follow) throw error
  } finally {
    body.destroy()
  }
}

/** A line as kubelet gives it: RFC 3339 with nanoseconds, a space, and the text. */
export function parseLine(line: string): { time: string; text: string } | undefined {
  const [, time, text] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) ?(.*)$/s.exec(line) ?? []
  return time === undefined || text === undefined ? undefined : { time, text: text.replace(/\r$/, '') }
}

/** Whether a time of kubelet's is before another; zeros at the end of its fraction are left out. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [Date.parse(a), Date.parse(b)]
  if (Math.floor(left / 1000) !== Math.floor(right / 1000)) return left < right
  const fraction = (time: string) => (/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0')
  return fraction(a) < fraction(b)
}

async function* textLines(body: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.write(chunk as Buffer)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
    // A line without an end is cut: nobody's memory is for it.
    if (rest.length > MOST_UNFINISHED) {
      yield rest
      rest = ''
    }
  }
  if (rest !== '') yield rest
}
