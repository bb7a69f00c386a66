import { claimsOf } from '@cloister/chain'
import type { Place } from '@cloister/migration'
import type { Address } from 'viem'
import type { Cloister } from '../cloister.ts'

/**
 * What a claim's text names: the network's chain and contract, and where the tokens are to go. Throws
 * `not-found` where the network continues no old chain's token.
 *
 * @example
 * ```ts
 * import { beginClaim, parseAccount, parseLeaves, textOfClaim } from '@cloister/migration'
 * import { migration } from '@cloister/sdk'
 *
 * const place = migration.placeOf(cloister, account.address)
 * const claim = beginClaim(parseLeaves(text), parseAccount('5GrwvaEF…'), place)
 * console.log(textOfClaim(claim))
 * ```
 */
export function placeOf({ network }: Pick<Cloister, 'network'>, to: Address): Place {
  return { chainId: network.chainId, claims: claimsOf(network), to }
}
