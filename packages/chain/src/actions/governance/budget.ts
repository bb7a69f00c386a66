import { type Address, maxUint256, zeroAddress } from 'viem'
import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { TRACKS_ABI } from '../../generated/abis.ts'
import type { BallotCall } from './ballots.ts'
import { getBallotPlaces } from './places.ts'

/** What a ballot moves of a token, and what its track may. In base units; wei for the zero address. */
export interface BudgetUse {
  token: Address
  /** What the ballot pays and grants. */
  amount: bigint
  /** What all ballots of the track may move within any `window` seconds. */
  budget: bigint
  window: number
  /** What is left of it now. */
  left: bigint
  /**
   * When the amount fits if nobody moves any more until then, Unix seconds; 0 where it fits now, undefined
   * where it never does.
   */
  fitsAt: number | undefined
}

/** Contracts and roles, the one track without budgets. */
const UNLIMITED_TRACK = 4

/**
 * What calls of a ballot move, of each token that they move at all, against the budget of its track. Empty
 * on the track of contracts and roles, which has none. Throws `not-found`, `chain-unreachable`.
 */
export async function getBudgetUse(
  chain: Chain,
  track: number,
  calls: readonly BallotCall[],
): Promise<BudgetUse[]> {
  if (track === UNLIMITED_TRACK || calls.length === 0) return []
  const { client } = chain
  const contract = { address: (await getBallotPlaces(chain)).tracks, abi: TRACKS_ABI } as const
  try {
    const [tokens, amounts] = await client.readContract({
      ...contract,
      functionName: 'movedBy',
      args: [calls],
    })
    const moved = new Map<Address, bigint>()
    for (const [at, amount] of amounts.entries()) {
      const token = (tokens[at] ?? zeroAddress) as Address
      if (amount > 0n) moved.set(token, (moved.get(token) ?? 0n) + amount)
    }
    return await Promise.all(
      [...moved].map(async ([token, amount]): Promise<BudgetUse> => {
        const of = [track, token] as const
        const [limit, left, fitsAt] = await Promise.all([
          client.readContract({ ...contract, functionName: 'limitOf', args: of }),
          client.readContract({ ...contract, functionName: 'leftOf', args: of }),
          client.readContract({ ...contract, functionName: 'fitsAt', args: [...of, amount] }),
        ])
        const { budget, window } = limit
        const when = amount <= left ? 0 : fitsAt === maxUint256 ? undefined : Number(fitsAt)
        return { token, amount, budget, window, left, fitsAt: when }
      }),
    )
  } catch (error) {
    throw chainError('reading a track’s budget', error)
  }
}
