import { CloisterError } from '@cloister/core'
import { takeLock } from '@cloister/operations/lock'

/**
 * Takes a folder for this process, and gives what lets it go. Throws `already-running` where another has it.
 */
export function lockFolder(folder: string): () => void {
  return takeLock(
    folder,
    () =>
      new CloisterError('already-running', `The network in ${folder} is running already.`, {
        hint: 'End it with Ctrl-C in its terminal.',
      }),
  )
}
