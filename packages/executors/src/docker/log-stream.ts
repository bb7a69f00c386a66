import type { LogLine } from '../executor.ts'
import { LineDecoder, logLine } from '../logs/line.ts'

/**
 * Docker's multiplexed log stream (Engine API, "Attach to a container", stream format), asked for with
 * times, as lines.
 */
export async function* readMultiplexed(stream: NodeJS.ReadableStream): AsyncGenerator<LogLine> {
  let buffered = Buffer.alloc(0)
  const decoders = { stdout: new LineDecoder(), stderr: new LineDecoder() }
  const times = { stdout: 0, stderr: 0 }
  try {
    for await (const chunk of stream) {
      buffered = Buffer.concat([buffered, chunk as Buffer])
      while (buffered.length >= 8) {
        const size = buffered.readUInt32BE(4)
        if (buffered.length < 8 + size) break
        const name = buffered[0] === 2 ? 'stderr' : 'stdout'
        // A frame is a line, or a piece of one: then it has no line end, and the next piece begins with a
        // time again.
        const frame = buffered.subarray(8, 8 + size)
        buffered = buffered.subarray(8 + size)
        const time = Date.parse(frame.toString('latin1', 0, frame.indexOf(' ')))
        const text = Number.isNaN(time) ? frame : frame.subarray(frame.indexOf(' ') + 1)
        times[name] = Number.isNaN(time) ? Date.now() : time
        for (const line of decoders[name].write(text)) yield logLine(times[name], name, line)
      }
    }
  } catch (error) {
    if (!isHangUp(error)) throw error
  }
  for (const name of ['stdout', 'stderr'] as const)
    for (const line of decoders[name].end()) yield logLine(times[name], name, line)
}

/**
 * What Docker tells of a container with a terminal, asked for with times: one stream, each line begun with
 * its time.
 */
export async function* readPlain(stream: NodeJS.ReadableStream): AsyncGenerator<LogLine> {
  const decoder = new LineDecoder()
  let time = Date.now()
  const told = (line: string) => {
    const space = line.indexOf(' ')
    const found = Date.parse(line.slice(0, space))
    if (Number.isNaN(found)) return logLine(time, 'stdout', line)
    time = found
    return logLine(time, 'stdout', line.slice(space + 1))
  }
  try {
    for await (const chunk of stream) for (const line of decoder.write(chunk as Buffer)) yield told(line)
  } catch (error) {
    if (!isHangUp(error)) throw error
  }
  for (const line of decoder.end()) yield told(line)
}

/** Hanging up is how a follower ends. */
function isHangUp(error: unknown): boolean {
  return error instanceof Error && /abort|premature|destroyed|reset/i.test(`${error.name} ${error.message}`)
}
