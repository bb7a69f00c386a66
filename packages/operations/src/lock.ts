import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CloisterError } from '@cloister/core'

/**
 * Takes what `path` names for this process, by a file beside it, and gives what lets it go. Throws `held()`
 * where another process has it; one that has died has nothing.
 */
export function takeLock(path: string, held: () => CloisterError): () => void {
  const lock = `${path}.lock`
  mkdirSync(dirname(path), { recursive: true })
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return () => rmSync(lock, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (isAlive(lock)) throw held()
      rmSync(lock, { force: true })
    }
  }
  throw held()
}

function isAlive(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node')
  } catch {
    return false
  }
}
