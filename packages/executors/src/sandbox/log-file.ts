import { statSync } from 'node:fs'
import { appendFile, rename } from 'node:fs/promises'
import type { LogLine } from '../executor.ts'
import { LineDecoder, logLine } from '../logs/line.ts'
import type { LogFormat } from '../logs/read-file.ts'

const MAX_BYTES = 10 * 1024 * 1024
/** A container that prints faster than the disk takes it waits, as it would on a slow terminal. */
const MAX_QUEUED = 1024 * 1024

/**
 * Appends lines of a container's two streams to a file as JSON, one a line, with their times; keeps the last
 * 10 to 20 MiB.
 */
export class LogWriter {
  private readonly path: string
  private readonly decoders = { stdout: new LineDecoder(), stderr: new LineDecoder() }
  private queue: string[] = []
  private queued = 0
  private writing: Promise<void> | undefined
  private bytes: number

  constructor(path: string) {
    this.path = path
    this.bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    // Whoever wrote before may have died in the middle of a line.
    if (this.bytes > 0) this.queue.push('\n')
  }

  /**
   * Takes a piece. Gives a promise to wait for before the next one where there is too much to write already.
   */
  write(stream: LogLine['stream'], bytes: Buffer): Promise<void> | undefined {
    this.push(stream, this.decoders[stream].write(bytes))
    return this.queued > MAX_QUEUED ? this.writing : undefined
  }

  /** Writes what has no line end yet, and waits until everything is written. */
  async end(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) this.push(stream, this.decoders[stream].end())
    await this.writing
  }

  private push(stream: LogLine['stream'], lines: string[]): void {
    for (const text of lines) {
      const entry = `${JSON.stringify(logLine(Date.now(), stream, text))}\n`
      this.queue.push(entry)
      this.queued += entry.length
    }
    if (this.queue.length > 0) this.writing ??= this.flush()
  }

  private async flush(): Promise<void> {
    while (this.queue.length > 0) {
      const text = this.queue.join('')
      this.queue = []
      this.queued = 0
      try {
        if (this.bytes > MAX_BYTES) {
          await rename(this.path, `${this.path}.1`)
          this.bytes = 0
        }
        await appendFile(this.path, text)
        this.bytes += Buffer.byteLength(text)
      } catch {
        // The disk is full, or the container was removed: what it prints is lost, and it runs on.
      }
    }
    this.writing = undefined
  }
}

/** What LogWriter writes; lines that are none are passed over. */
export const JSON_LINES: LogFormat = {
  entry(bytes) {
    try {
      return [JSON.parse(bytes.toString('utf8')) as LogLine]
    } catch {
      // A line cut by a crash.
      return []
    }
  },
  rest: () => [],
}
