import { watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { LogLine, LogOptions } from '../executor.ts'
import { LastLines } from './last-lines.ts'

const PIECE = 64 * 1024
/**
 * Longest entry of a file: a line's with room for its time and for what its notation adds. Longer ones are
 * left out.
 */
const MAX_ENTRY = 256 * 1024
/** Watching misses a file that is put in the place of another; a look now and then does not. */
const LOOK_MS = 500

/** Reads a file's entries, one a line. */
export interface LogFormat {
  /** The lines that an entry completes; none where it is but a part of one, or is damaged. */
  entry(bytes: Buffer): LogLine[]
  /** What was printed without a line end so far. */
  rest(): LogLine[]
}

/**
 * Reads a log file from its last lines on and, where `options.follow` says so, goes on with what is appended
 * until `options.signal` is aborted; then what is there still comes. A file may be there later, be renamed
 * to `PATH.1` (which is read first where it is there), be deleted, and be there anew: nothing is read twice
 * and nothing is left out, since an open file stays what it is.
 */
export async function* readLogFile(
  path: string,
  options: LogOptions,
  format: LogFormat,
): AsyncGenerator<LogLine> {
  let file = await successor(path, undefined)
  /**
   * The last lines of what was there already, until all of that is read; where all is wanted, nothing has to
   * be kept.
   */
  let last = options.tail === Number.POSITIVE_INFINITY ? undefined : new LastLines(options.tail)
  try {
    for (;;) {
      // Asked first: whatever was written before the file was replaced is there to be read when we know that
      // it was.
      const { aborted } = options.signal
      const inode = await inodeOf(path)
      for await (const line of file?.lines(format) ?? [])
        if (last) last.push(line)
        else yield line
      if (inode !== undefined && inode !== file?.inode) {
        file = await successor(path, file)
        continue
      }
      for (const line of options.follow ? [] : format.rest())
        if (last) last.push(line)
        else yield line
      if (last) yield* last.all()
      last = undefined
      if (aborted || !options.follow) return
      await nextChange(path, options.signal)
    }
  } finally {
    await file?.close()
  }
}

/**
 * The file to read after `file`, which is closed then: that at `PATH.1` where it is another one, else that
 * at `PATH`; `file` where there is none.
 */
async function successor(path: string, file: LogFile | undefined): Promise<LogFile | undefined> {
  const current = await LogFile.open(path)
  // Opened last, since the one may become the other right now.
  const before = await LogFile.open(`${path}.1`)
  const found = [before, current].find((other) => other && other.inode !== file?.inode) ?? file
  for (const other of [file, current, before]) if (other !== found) await other?.close()
  return found
}

class LogFile {
  readonly inode: bigint
  private readonly handle: FileHandle
  private readonly buffer = Buffer.allocUnsafe(PIECE)
  private rest = Buffer.alloc(0)
  private offset = 0

  private constructor(handle: FileHandle, inode: bigint) {
    this.handle = handle
    this.inode = inode
  }

  static async open(path: string): Promise<LogFile | undefined> {
    try {
      const handle = await open(path, 'r')
      return new LogFile(handle, (await handle.stat({ bigint: true })).ino)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** What was appended since the last call; an entry that has no end yet is kept for the next one. */
  async *lines(format: LogFormat): AsyncGenerator<LogLine> {
    for (;;) {
      const { bytesRead } = await this.handle.read(this.buffer, 0, PIECE, this.offset)
      if (bytesRead === 0) return
      this.offset += bytesRead
      const bytes = Buffer.concat([this.rest, this.buffer.subarray(0, bytesRead)])
      let start = 0
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
        if (end - start <= MAX_ENTRY) yield* format.entry(bytes.subarray(start, end))
        start = end + 1
      }
      // One byte more than is let through says that it was too long.
      this.rest = Buffer.from(bytes.subarray(start, start + MAX_ENTRY + 1))
    }
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  return stat(path, { bigint: true }).then(
    ({ ino }) => ino,
    () => undefined,
  )
}

function nextChange(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let watcher: ReturnType<typeof watch> | undefined
    const done = () => {
      watcher?.close()
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, LOOK_MS)
    signal.addEventListener('abort', done, { once: true })
    try {
      watcher = watch(path).once('change', done).once('error', done)
    } catch {
      // Not there, or no more watches to be had: looking must do.
    }
    if (signal.aborted) done()
  })
}
