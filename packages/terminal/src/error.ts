import { CloisterError, messageOf } from '@cloister/core/errors'
import { wordsOf } from './hints.ts'
import { note, paint, printable, sayJson } from './print.ts'

/**
 * Shows an error once, at the edge: what was wrong and what to do, with what else was found wrong. The stack
 * only with `verbose`.
 */
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
        ...(known && error.others.length > 0 && { others: error.others.map(described) }),
      },
    })
  else {
    complain(message, known ? error.hint && wordsOf(error.hint) : 'Add --verbose to see where.')
    if (known) for (const { message, hint } of error.others) complain(message, hint && wordsOf(hint))
  }
  if (verbose && error instanceof Error)
    for (let current: unknown = error; current instanceof Error; current = current.cause)
      note(current.stack ?? current.message)
}

function complain(message: string, hint: string | undefined): void {
  note(`${paint('red', '✘', process.stderr)} ${printable(message)}`)
  if (hint) note(`  ${paint('dim', printable(hint), process.stderr)}`)
}

function described({ code, message, hint, details }: CloisterError) {
  return { code, message, ...(hint && { hint: wordsOf(hint) }), details }
}
