import { ManifestError } from './source.ts'

/** Problems of a file that are said at once; whoever has more reads these first. */
const MOST_PROBLEMS = 20

/**
 * Does some work on each item and, once all were looked at, throws what was wrong with them: the first by
 * line, with the others in `others`. What follows can rely on all of them, as if the first had ended it.
 * Stops at 20 problems. Throws what is no ManifestError at once.
 */
export function each<T>(items: Iterable<T>, work: (item: T) => void): void {
  const found: ManifestError[] = []
  for (const item of items) {
    try {
      work(item)
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error
      found.push(error, ...error.others)
      if (found.length >= MOST_PROBLEMS) break
    }
  }
  const [first, ...others] = found.sort((a, b) => a.line - b.line).slice(0, MOST_PROBLEMS)
  if (!first) return
  for (const other of others) other.others = []
  first.others = others
  throw first
}
