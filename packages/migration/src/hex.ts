import type { Hex } from 'viem'

const OTHER = /[^0-9a-f]/

/**
 * Whether a stranger's value is bytes in lower-case digits behind `0x`, at most so many. A pattern for pairs
 * of digits takes minutes of millions of them, or runs out of stack.
 */
export function isHexBytes(value: unknown, mostBytes: number): value is Hex {
  return (
    typeof value === 'string' &&
    value.startsWith('0x') &&
    value.length % 2 === 0 &&
    value.length <= 2 + 2 * mostBytes &&
    !OTHER.test(value.slice(2))
  )
}
