import { CloisterError } from '@cloister/core'
import type { Cloister } from '@cloister/sdk'
import { type Address, getAddress, isAddress } from 'viem'

/** A provider by its address, or by the beginning of it. */
export async function providerOf(cloister: Cloister, text: string): Promise<Address> {
  if (isAddress(text, { strict: false })) return getAddress(text)
  if (!/^0x[0-9a-fA-F]{4,39}$/.test(text))
    throw new CloisterError(
      'bad-address',
      `${text.slice(0, 60)} is not an address, nor the beginning of one.`,
    )
  const [pools, providers] = await Promise.all([cloister.index.pools(), cloister.index.providers()])
  const known = [...new Set([...pools, ...providers].map(({ provider }) => provider))].filter((one) =>
    one.toLowerCase().startsWith(text.toLowerCase()),
  )
  const [only, ...others] = known
  if (only && others.length === 0) return only
  throw new CloisterError(
    'bad-address',
    only ? `${text} could be ${known.join(' or ')}.` : `No provider's address begins with ${text}.`,
    {
      hint: 'See them: cloister stake pools',
    },
  )
}
