import { readFileSync } from 'node:fs'
import { CloisterError } from '@cloister/core'

/** A file that an option names, as text. Throws `no-file`. */
export function readInput(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CloisterError(
      'no-file',
      `${path} can not be read (${(cause as NodeJS.ErrnoException).code}).`,
      {
        hint: 'Name a file that there is.',
        cause,
      },
    )
  }
}
