import { writeFileSync } from 'node:fs'
import { CloisterError } from '@cloister/core'

/** Writes a file that an option names. Throws `no-file` where it can't be written. */
export function writeOutput(path: string, text: string, options: { mode?: number; flag?: 'wx' } = {}): void {
  try {
    writeFileSync(path, text, options)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CloisterError('no-file', `${path} can not be written (${code}).`, {
      hint: 'Name a file in a folder that there is.',
      cause,
    })
  }
}
