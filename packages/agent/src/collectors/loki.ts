import { type CollectedLine, containerOf, nanosecondsOf, type Source } from './line.ts'

/**
 * Lines as Loki's `POST /loki/api/v1/push` takes them in JSON: a stream for each container and output, with
 * labels of few values each.
 */
export function lokiPush(lines: readonly CollectedLine[], { lease, worker }: Source): object {
  const times = nanosecondsOf(lines)
  const streams = new Map<string, { stream: Record<string, string>; values: [string, string][] }>()
  for (const [index, line] of lines.entries()) {
    const key = `${containerOf(line)} ${line.stream}`
    const of = streams.get(key) ?? {
      stream: {
        job: 'cloister',
        service_name: line.service,
        replica: String(line.replica),
        stream: line.stream,
        lease,
        worker,
      },
      values: [],
    }
    streams.set(key, of)
    of.values.push([times[index] ?? '0', line.text])
  }
  return { streams: [...streams.values()] }
}
