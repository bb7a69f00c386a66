/** The community pool, and grants: money for work to come, given by ballots and streamed by milestones. */
import {
  type CommunityPool,
  collectIncome,
  type Grant,
  getCommunityPool,
  getGrants,
  sendBackMilestone,
  withdrawMilestone,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'

/**
 * What the community pool has, what of it was granted, and its share of fees and emission. Throws
 * `not-found` where the network has none.
 *
 * @example
 * ```ts
 * import { grants } from '@cloister/sdk'
 *
 * const { shareBps, tokens } = await grants.pool(cloister)
 * for (const { symbol, free, reserved } of tokens) console.log(shareBps, symbol, free, reserved)
 * ```
 */
export function pool({ chain }: Cloister): Promise<CommunityPool> {
  return getCommunityPool(chain)
}

/**
 * Collects fees in all tokens of the network and the treasury's part of emission, and has them divided
 * between treasury and community pool. Anybody may. Returns a transaction for each step. Throws `no-wallet`,
 * `not-found`, `no-money` where nothing has come.
 *
 * @example
 * ```ts
 * import { grants } from '@cloister/sdk'
 *
 * await grants.collect(cloister)
 * ```
 */
export async function collect(cloister: Cloister): Promise<Hex[]> {
  const wallet = walletOf(cloister)
  const transactions: Hex[] = []
  for (const { address } of cloister.network.tokens)
    transactions.push(...(await collectIncome(wallet, address)))
  if (transactions.length > 0) return transactions
  throw new CloisterError('no-money', 'No fees and no emission have come since they were collected last.')
}

/**
 * All grants that there ever were, the oldest first.
 *
 * @example
 * ```ts
 * import { grants } from '@cloister/sdk'
 *
 * for (const { grantee, milestones } of await grants.list(cloister)) console.log(grantee, milestones.length)
 * ```
 */
export function list({ chain }: Cloister): Promise<Grant[]> {
  return getGrants(chain)
}

/**
 * A grant of a number. Throws `not-found`.
 *
 * @example
 * ```ts
 * import { grants } from '@cloister/sdk'
 *
 * const { isCancelled } = await grants.find(cloister, 3)
 * ```
 */
export async function find(cloister: Cloister, id: number): Promise<Grant> {
  const found = (await getGrants(cloister.chain)).find((grant) => grant.id === id)
  if (found) return found
  throw new CloisterError('not-found', `There is no grant ${id} on ${cloister.network.name}.`, {
    hint: 'See which there are with `cloister grants list`.',
  })
}

/**
 * Pays the grantee what has streamed of all milestones. Anybody may. Returns a transaction for each. Throws
 * `no-wallet`, `not-found`, `no-money` where nothing has streamed.
 *
 * @example
 * ```ts
 * import { grants } from '@cloister/sdk'
 *
 * await grants.withdraw(cloister, 3)
 * ```
 */
export function withdraw(cloister: Cloister, id: number): Promise<Hex[]> {
  const isDue: Which = ({ withdrawable }) => withdrawable > 0n
  return forEach(cloister, id, isDue, withdrawMilestone, 'has anything to take')
}

/**
 * Gives back to the pool what of a grant nobody confirmed in time. Anybody may. Returns a transaction for
 * each milestone. Throws `no-wallet`, `not-found`, `no-money` where there is nothing.
 *
 * @example
 * ```ts
 * import { grants } from '@cloister/sdk'
 *
 * await grants.sendBack(cloister, 3)
 * ```
 */
export async function sendBack(cloister: Cloister, id: number): Promise<Hex[]> {
  const { timestamp } = await cloister.chain.client.getBlock()
  const isOver: Which = ({ amount, confirmedAt, due }) =>
    amount > 0n && confirmedAt === 0 && due < Number(timestamp)
  return forEach(cloister, id, isOver, sendBackMilestone, 'is overdue')
}

type Which = (milestone: Grant['milestones'][number]) => boolean

async function forEach(
  cloister: Cloister,
  id: number,
  which: Which,
  step: typeof withdrawMilestone,
  what: string,
): Promise<Hex[]> {
  const wallet = walletOf(cloister)
  const { milestones } = await find(cloister, id)
  const due = [...milestones.keys()].filter((index) =>
    which(milestones[index] as Grant['milestones'][number]),
  )
  if (due.length === 0) throw new CloisterError('no-money', `No milestone of grant ${id} ${what} now.`)
  const transactions: Hex[] = []
  for (const index of due) transactions.push(await step(wallet, id, index))
  return transactions
}
