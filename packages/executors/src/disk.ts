import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PATIENCE_MS = 60_000
/**
 * The most that a file counts for whatever is in it: the sandbox's own file systems have room for one in so
 * many bytes.
 */
const MOST_BYTES_OF_FILE = 8_192

/**
 * Bytes that a folder takes on disk, or its files' share of those that the file system can have, if that is
 * more: empty files take no bytes, and a file system that has no room for another is as full as any. 0 where
 * the folder can't be read, and Infinity where counting takes longer than `patienceMs`: what can't be
 * counted is over any limit. Runs `du`, which walks faster than we could.
 */
export async function folderBytes(folder: string, patienceMs = PATIENCE_MS): Promise<number> {
  const [kibibytes, files, each] = await Promise.all([
    count(['-k'], folder, patienceMs),
    count(['--inodes'], folder, patienceMs),
    bytesOfFile(folder),
  ])
  return Math.max(kibibytes * 1024, files * each)
}

async function count(how: string[], folder: string, patienceMs: number): Promise<number> {
  try {
    const { stdout } = await run('du', ['-sx', ...how, '--', folder], {
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    })
    return numberOf(stdout)
  } catch (error) {
    // du exits with 1 when files vanish while it walks, and still tells the sum.
    const { killed, stdout } = error as { killed?: boolean; stdout?: string }
    return killed ? Number.POSITIVE_INFINITY : numberOf(stdout ?? '')
  }
}

/** Bytes of the file system for each file that it can have; 0 where it makes room for files as they come. */
async function bytesOfFile(folder: string): Promise<number> {
  const { blocks, bsize, files } = await statfs(folder).catch(() => ({ blocks: 0, bsize: 0, files: 0 }))
  return files > 0 ? Math.min(MOST_BYTES_OF_FILE, Math.floor((blocks * bsize) / files)) : 0
}

function numberOf(text: string): number {
  return Number.parseInt(text, 10) || 0
}
