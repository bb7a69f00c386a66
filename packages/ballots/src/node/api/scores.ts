import { address, CloisterError, formatAmount } from '@cloister/core'
import type { Address } from 'viem'
import * as z from 'zod'
import type { Ballot } from '../../ballot.ts'
import { mostPower } from '../../tally/power.ts'
import type { Hub } from '../hub.ts'

const DECIMALS = 18
/** Accounts whose power is asked for at once: each is a few questions to the chain. */
const MOST_ADDRESSES = 100

const when = z.union([z.int().min(0), z.literal('latest')])

const Scores = z.object({
  params: z.object({ space: z.string(), snapshot: when, addresses: z.array(address).max(MOST_ADDRESSES) }),
})
const VotingPowerAsked = z.object({
  method: z.literal('get_vp'),
  params: z.object({ space: z.string(), snapshot: when, address }),
})

/** Power of accounts, as Snapshot's score service answers `getScores` of snapshot.js. */
export async function scoresOf(hub: Hub, body: unknown) {
  const { space, snapshot, addresses } = check(Scores, body).params
  const ballot = await ballotAt(hub, space, snapshot)
  const powers = await Promise.all(
    addresses.map(async (one) => [one, toFloat(await powerOf(hub, ballot, one))] as const),
  )
  return { result: { state: 'final', cache: false, scores: [Object.fromEntries(powers)] } }
}

/** Power of one account, as it answers `getVp`. */
export async function votingPowerOf(hub: Hub, body: unknown) {
  const { space, snapshot, address: account } = check(VotingPowerAsked, body).params
  const vp = toFloat(await powerOf(hub, await ballotAt(hub, space, snapshot), account))
  return { jsonrpc: '2.0', result: { vp, vp_by_strategy: [vp], vp_state: 'final' } }
}

async function powerOf(hub: Hub, ballot: Ballot, account: Address): Promise<bigint> {
  return mostPower(await hub.parts.source.powerOf(ballot, account))
}

/** The ballot whose power was fixed at `snapshot` (Unix seconds), or the newest. */
async function ballotAt(hub: Hub, space: string, snapshot: number | 'latest'): Promise<Ballot> {
  if (space !== hub.parts.space) throw new CloisterError('not-found', `There is no space ${space} here.`)
  const ballots = await hub.parts.source.list()
  const found = snapshot === 'latest' ? ballots[0] : ballots.find(({ powerTime }) => powerTime === snapshot)
  if (found) return found
  throw new CloisterError('not-found', `No ballot fixed power at ${snapshot}.`, {
    hint: 'A proposal’s snapshot here is a time in Unix seconds.',
  })
}

function check<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-request',
    `The request is wrong at ${issue?.path.join('.')}: ${issue?.message}.`,
  )
}

function toFloat(amount: bigint): number {
  return Number(formatAmount(amount, DECIMALS))
}
