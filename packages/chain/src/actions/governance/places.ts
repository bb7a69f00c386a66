import { CloisterError } from '@cloister/core'
import type { Address } from 'viem'
import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { BALLOTS_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'

/** The contract of ballots. Throws `not-found` where the network has none. */
export function ballotsOf({ contracts, name }: Network): Address {
  if (contracts.ballots) return contracts.ballots
  throw new CloisterError('not-found', `The network ${name} has no ballots.`, {
    hint: 'Its description names their contract under contracts.ballots; see docs/voting.md.',
  })
}

/** The contract and its interface, to call it. */
export function ballotsContract({ network }: Chain) {
  return { address: ballotsOf(network), abi: BALLOTS_ABI } as const
}

/** What ballots go with: contracts that never change, and the space that votes name. */
export interface BallotPlaces {
  ballots: Address
  token: Address
  power: Address
  /** Rules of the tracks. */
  tracks: Address
  safe: Address
  space: string
}

const known = new WeakMap<Chain['client'], Promise<BallotPlaces>>()

/** What ballots go with, asked of the chain once. Throws `not-found`, `chain-unreachable`. */
export function getBallotPlaces(chain: Chain): Promise<BallotPlaces> {
  const before = known.get(chain.client)
  if (before) return before
  const contract = ballotsContract(chain)
  const read = (functionName: 'token' | 'power' | 'tracks' | 'safe' | 'space') =>
    chain.client.readContract({ ...contract, functionName })
  const asked = Promise.all([read('token'), read('power'), read('tracks'), read('safe'), read('space')]).then(
    ([token, power, tracks, safe, space]): BallotPlaces => ({
      ballots: contract.address,
      // The views of contracts give addresses.
      token: token as Address,
      power: power as Address,
      tracks: tracks as Address,
      safe: safe as Address,
      space,
    }),
    (error) => {
      known.delete(chain.client)
      throw chainError('reading ballots', error)
    },
  )
  known.set(chain.client, asked)
  return asked
}
