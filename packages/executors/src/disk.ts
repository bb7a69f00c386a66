import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PATIENCE_MS = 60_000

/**
 * Bytes that a folder takes on disk; 0 where it can't be read, and Infinity where counting takes longer than `patienceMs`:
 * what can't be counted is over any limit. Runs `du`, which walks faster than we could.
 */
export async function folderBytes(folder: string, patienceMs = PATIENCE_MS): Promise<number> {
  try {
    const { stdout } = await run('du', ['-skx', '--', folder], { timeout: patienceMs, killSignal: 'SIGKILL' })
    return kibibytes(stdout)
  } catch (error) {
    // du exits with 1 when files vanish while it walks, and still tells the sum.
    const { killed, stdout } = error as { killed?: boolean; stdout?: string }
    return killed ? Number.POSITIVE_INFINITY : kibibytes(stdout ?? '')
  }
}

function kibibytes(text: string): number {
  return (Number.parseInt(text, 10) || 0) * 1024
}
