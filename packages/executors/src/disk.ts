import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Bytes that a folder takes on disk; 0 where it can't be read. Runs `du`, which walks faster than we could. */
export async function folderBytes(folder: string): Promise<number> {
  const output = await run('du', ['-skx', '--', folder], { timeout: 60_000 }).then(
    ({ stdout }) => stdout,
    // du exits with 1 when files vanish while it walks, and still tells the sum.
    (error: { stdout?: string }) => error.stdout ?? '',
  )
  return (Number.parseInt(output, 10) || 0) * 1024
}
