import { type Ballot, mostPower, readPower, type VotingPower } from '@cloister/ballots'
import { getBallotPlaces, getPower, getRegistration, getTokenBalance } from '@cloister/chain'
import type { Address } from 'viem'
import type { Cloister } from '../cloister.ts'

/** Why an account has no power, or less than it might think. */
export type PowerReason =
  /** It holds CLOI that it never registered. */
  | { why: 'not-registered'; amount: bigint }
  /** Its CLOI is registered with another account, which votes with it. */
  | { why: 'registered-elsewhere'; amount: bigint; with: Address }
  /** It registered, or got, CLOI after the ballot's power was fixed. */
  | { why: 'liquid-later'; amount: bigint }
  /** It staked after the ballot's power was fixed. */
  | { why: 'staked-later'; amount: bigint }
  /** It has nothing at all on this chain. */
  | { why: 'nothing-here' }

/** What an account may vote with on a ballot. Base units of CLOI. */
export interface PowerReport {
  parts: VotingPower
  /** All of it; of a provider's pool less what its delegators cast themselves. */
  most: bigint
  reasons: PowerReason[]
}

/**
 * What an account may vote with on a ballot, and why it isn't more: asked before anything is signed.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const { most, reasons } = await votes.power(cloister, ballot, account.address)
 * ```
 */
export async function power(cloister: Cloister, ballot: Ballot, account: Address): Promise<PowerReport> {
  const { chain } = cloister
  const { token } = await getBallotPlaces(chain)
  const { timestamp } = await chain.client.getBlock()
  const [parts, now, liquid, registered] = await Promise.all([
    readPower(chain, account, ballot.powerTime),
    getPower(chain, account, Math.max(ballot.powerTime, Number(timestamp) - 1)),
    getTokenBalance(chain, token, account),
    getRegistration(chain, account),
  ])
  const reasons: PowerReason[] = []
  const then = { liquid: 0n, staked: 0n }
  for (const { kind, worth } of parts) then[kind === 'liquid' ? 'liquid' : 'staked'] += worth
  if (liquid > 0n && registered === undefined) reasons.push({ why: 'not-registered', amount: liquid })
  else if (liquid > 0n && registered !== account)
    reasons.push({ why: 'registered-elsewhere', amount: liquid, with: registered as Address })
  else if (now.liquid > then.liquid) reasons.push({ why: 'liquid-later', amount: now.liquid - then.liquid })
  const staked = now.pools.reduce((sum, { worth }) => sum + worth, 0n)
  if (staked > then.staked) reasons.push({ why: 'staked-later', amount: staked - then.staked })
  const most = mostPower(parts)
  if (most === 0n && reasons.length === 0) reasons.push({ why: 'nothing-here' })
  return { parts, most, reasons }
}
