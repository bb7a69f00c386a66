import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'

/**
 * The phrase anvil and every other development chain funds. Everybody knows it: never use it for anything of
 * value.
 */
const MNEMONIC = 'test test test test test test test test test test test junk'

/** Who is who among the development accounts. */
export const DEVELOPMENT_ROLES = {
  governance: 0,
  providers: [1, 2, 3],
  tenants: [4, 5, 6, 7],
  example: 8,
  treasury: 9,
} as const

/** A funded account of a development network, 0 to 9. Throws `not-development` anywhere else. */
export function developmentAccount(network: Pick<Network, 'development' | 'name'>, index: number): HDAccount {
  if (!network.development)
    throw new CloisterError(
      'not-development',
      `${network.name} is not a development network, so it has no development accounts.`,
    )
  return mnemonicToAccount(MNEMONIC, { addressIndex: index })
}
