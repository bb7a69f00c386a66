import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { CloisterError } from '@cloister/core'

/**
 * Takes a folder for this process, and gives what lets it go. Throws `already-running` where another has it.
 */
export function lockFolder(folder: string): () => void {
  const path = `${folder}.lock`
  mkdirSync(dirname(folder), { recursive: true })
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (isAlive(path))
        throw new CloisterError('already-running', `The network in ${folder} is running already.`, {
          hint: 'End it with Ctrl-C in its terminal.',
        })
      rmSync(path, { force: true })
    }
  }
  throw new CloisterError('already-running', `The network in ${folder} is being started by somebody else.`)
}

function isAlive(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node')
  } catch {
    return false
  }
}
