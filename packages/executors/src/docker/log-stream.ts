import type { LogLine } from '../executor.ts'

const MAX_LINE = 16 * 1024

/** Docker's multiplexed log stream (Engine API, "Attach to a container", stream format) as lines with their times. */
export async function* readMultiplexed(stream: NodeJS.ReadableStream): AsyncIterable<LogLine> {
  let buffered = Buffer.alloc(0)
  const partial = { stdout: '', stderr: '' }
  try {
    for await (const chunk of stream) {
      buffered = Buffer.concat([buffered, chunk as Buffer])
      while (buffered.length >= 8) {
        const size = buffered.readUInt32BE(4)
        if (buffered.length < 8 + size) break
        const name = buffered[0] === 2 ? 'stderr' : 'stdout'
        const text = partial[name] + buffered.subarray(8, 8 + size).toString('utf8')
        buffered = buffered.subarray(8 + size)
        const lines = text.split('\n')
        partial[name] = lines.pop() ?? ''
        for (const line of lines) yield toLine(line, name)
        if (partial[name].length > MAX_LINE) {
          yield toLine(partial[name], name)
          partial[name] = ''
        }
      }
    }
  } catch (error) {
    // Hanging up is how a follower ends.
    if (!(error instanceof Error) || !/abort|premature|destroyed|reset/i.test(`${error.name} ${error.message}`)) throw error
  }
  for (const name of ['stdout', 'stderr'] as const) if (partial[name] !== '') yield toLine(partial[name], name)
}

function toLine(raw: string, stream: 'stdout' | 'stderr'): LogLine {
  const space = raw.indexOf(' ')
  const time = Date.parse(raw.slice(0, space))
  const text = Number.isNaN(time) ? raw : raw.slice(space + 1)
  return { time: Number.isNaN(time) ? Date.now() : time, stream, text: text.replace(/\r$/, '').slice(0, MAX_LINE) }
}
