import { CloisterError, messageOf } from '@cloister/core/errors'
import { wordsOf } from './hints.ts'
import { note, paint, printable, sayJson } from './print.ts'

/** Shows an error once, at the edge: what was wrong and what to do. The stack only with `verbose`. */
export function showError(error: unknown, { json, verbose }: { json: boolean; verbose: boolean }): void {
  const known = error instanceof CloisterError
  const message = known ? error.message : `Something went wrong: ${messageOf(error)}`
  if (json)
    sayJson({
      error: {
        code: known ? error.code : 'internal',
        message,
        ...(known && error.hint && { hint: wordsOf(error.hint) }),
        ...(known && { details: error.details }),
      },
    })
  else {
    note(`${paint('red', '✘', process.stderr)} ${printable(message)}`)
    const hint = known ? error.hint && wordsOf(error.hint) : 'Add --verbose to see where.'
    if (hint) note(`  ${paint('dim', printable(hint), process.stderr)}`)
  }
  if (verbose && error instanceof Error)
    for (let current: unknown = error; current instanceof Error; current = current.cause)
      note(current.stack ?? current.message)
}
