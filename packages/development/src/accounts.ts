import { pbkdf2Sync } from 'node:crypto'
import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type HDAccount, HDKey, hdKeyToAccount } from 'viem/accounts'

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
  return hdKeyToAccount(HDKey.fromMasterSeed(seed()), { addressIndex: index })
}

/** The phrase's seed (BIP-39, "From mnemonic to seed"), by native code: a command would wait for it. */
function seed(): Uint8Array {
  return pbkdf2Sync(MNEMONIC, 'mnemonic', 2048, 64, 'sha512')
}
