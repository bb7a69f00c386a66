import { CloisterError } from '@cloister/core'
import { type Address, getAddress, isAddress } from 'viem'

/**
 * An address that money goes to: whole, since the beginning of one can be anybody's who cared to look for
 * it, and with its checksum (ERC-55) where it is in both cases. Throws `bad-address`.
 */
export function payee(text: string, from: string): Address {
  if (isAddress(text)) return getAddress(text)
  const wrong = isAddress(text, { strict: false })
    ? 'has a letter in the wrong case, so something in it is mistyped'
    : 'is not a whole address'
  throw new CloisterError('bad-address', `${text.slice(0, 60)} ${wrong}; money goes nowhere else.`, {
    hint: `Copy it from: ${from}`,
  })
}
