import { packChoice } from '../messages/packed.ts'

/** All orders of so many choices, in the order in which the contract has their sums: by their words. */
export function rankingsOf(count: number): number[][] {
  const all = permutations(Array.from({ length: count }, (_, at) => at + 1))
  const wordOf = (order: number[]) => packChoice({ form: 'order', order })
  return all.sort((one, other) => (wordOf(one) < wordOf(other) ? -1 : 1))
}

function permutations(numbers: number[]): number[][] {
  if (numbers.length <= 1) return [numbers]
  return numbers.flatMap((first) =>
    permutations(numbers.filter((one) => one !== first)).map((rest) => [first, ...rest]),
  )
}
