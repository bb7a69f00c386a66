import { createReadStream, existsSync, renameSync, statSync, watch } from 'node:fs'
import { appendFile, open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { LogLine, LogOptions } from '../executor.ts'

const MAX_BYTES = 10 * 1024 * 1024
const MAX_LINE = 16 * 1024

/** Appends lines of a stream to a file as JSON, one a line, with their times; keeps the last 10 to 20 MiB. */
export class LogWriter {
  private readonly path: string
  private readonly partial = { stdout: '', stderr: '' }
  private queue: string[] = []
  private writing = false
  private bytes: number

  constructor(path: string) {
    this.path = path
    this.bytes = existsSync(path) ? statSync(path).size : 0
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    const lines = (this.partial[stream] + chunk.toString('utf8')).split('\n')
    this.partial[stream] = lines.pop() ?? ''
    for (const line of lines) this.push(stream, line)
    if (this.partial[stream].length > MAX_LINE) this.end(stream)
  }

  /** Writes what has no line end yet. */
  end(stream: 'stdout' | 'stderr'): void {
    if (this.partial[stream] !== '') this.push(stream, this.partial[stream])
    this.partial[stream] = ''
  }

  private push(stream: 'stdout' | 'stderr', text: string): void {
    const line: LogLine = { time: Date.now(), stream, text: text.replace(/\r$/, '').slice(0, MAX_LINE) }
    this.queue.push(`${JSON.stringify(line)}\n`)
    if (!this.writing) void this.flush()
  }

  private async flush(): Promise<void> {
    this.writing = true
    while (this.queue.length > 0) {
      const text = this.queue.join('')
      this.queue = []
      if (this.bytes > MAX_BYTES) {
        renameSync(this.path, `${this.path}.1`)
        this.bytes = 0
      }
      await appendFile(this.path, text).catch(() => {})
      this.bytes += Buffer.byteLength(text)
    }
    this.writing = false
  }
}

/** Reads a log written by LogWriter, from its last lines on. */
export async function* readLogFile(path: string, options: LogOptions): AsyncIterable<LogLine> {
  const old: LogLine[] = []
  let offset = 0
  for (const file of [`${path}.1`, path]) {
    if (!existsSync(file)) continue
    const stream = createReadStream(file)
    for await (const line of createInterface({ input: stream })) {
      const parsed = parseLine(line)
      if (parsed) old.push(parsed)
      if (old.length > options.tail) old.shift()
    }
    if (file === path) offset = stream.bytesRead
  }
  yield* old
  if (!options.follow) return
  let partial = ''
  while (!options.signal.aborted) {
    const size = existsSync(path) ? statSync(path).size : 0
    if (size < offset) {
      offset = 0
      partial = ''
    }
    if (size > offset) {
      const file = await open(path)
      const buffer = Buffer.alloc(Math.min(size - offset, 256 * 1024))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
      await file.close()
      offset += bytesRead
      const lines = (partial + buffer.subarray(0, bytesRead).toString('utf8')).split('\n')
      partial = lines.pop() ?? ''
      for (const line of lines) {
        const parsed = parseLine(line)
        if (parsed) yield parsed
      }
    } else await nextChange(path, options.signal)
  }
}

function parseLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    // A line cut by a crash.
    return undefined
  }
}

function nextChange(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = existsSync(path) ? watch(path) : undefined
    const done = () => {
      watcher?.close()
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    // Watching misses a file that is replaced; a look every half second does not.
    const timer = setTimeout(done, 500)
    signal.addEventListener('abort', done, { once: true })
    watcher?.once('change', done)
    watcher?.once('error', done)
  })
}
