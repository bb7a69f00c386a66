/** How many letters may be wrong for a word to be taken for a slip of another. */
const MOST_WRONG = 2

/**
 * The word that somebody who typed `typed` most likely meant: `readonly` for `read_only`, `enviroment` for
 * `environment`.
 */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  if (typed.length > 40) return undefined
  const plain = (word: string) => word.toLowerCase().replace(/[-_]/g, '')
  const same = words.find((word) => plain(word) === plain(typed))
  if (same !== undefined) return same
  const far = words
    .map((word) => ({ word, wrong: distance(typed.toLowerCase(), word.toLowerCase()) }))
    .sort((one, other) => one.wrong - other.wrong)
  const [best] = far
  return best && best.wrong <= Math.min(MOST_WRONG, Math.floor(typed.length / 3)) ? best.word : undefined
}

/** Letters to change, put in or take out to get from one word to another (Levenshtein 1966). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const changed = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}
