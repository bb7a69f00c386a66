import { note, paint, printable } from '@cloister/terminal'
import { confirm } from './ask.ts'
import type { AskForTakings } from './permissions.ts'

/** What asks the person at the terminal; undefined where there is none. */
export function askForTakings(): AskForTakings | undefined {
  if (!process.stdin.isTTY) return undefined
  return async (takings) => {
    note(`${paint('yellow', '!', process.stderr)} Whoever wrote the file may be somebody else than you. It`)
    for (const { what } of takings) note(`    ${printable(what)}`)
    return confirm('May it?', 'no')
  }
}
