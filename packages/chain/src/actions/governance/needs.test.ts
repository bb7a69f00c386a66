import { expect, it } from 'vitest'
import type { Chain } from '../../client.ts'
import { getBallotNeeds } from './needs.ts'

const CONTENT = `0x${'c0'.repeat(32)}` as const
const [BALLOTS, TRACKS] = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`] as const
const RULES = { approvalEnd: 5_000, approvalAgain: 6_000 }
const FACTS = { track: 1, rules: 3, content: CONTENT, isFast: false, executableAt: 0, isVetoProof: false }

/** Contracts with a ballot of track 1 that began under its third rules. */
function chainWith(isVetoed: boolean): Chain {
  const readContract = async (call: { address: string; functionName: string; args?: unknown[] }) => {
    const { address, functionName, args = [] } = call
    if (functionName === 'rulesOf' && address === TRACKS && args[0] === 1 && args[1] === 3n) return RULES
    if (functionName === 'isVetoed' && address === BALLOTS && args[0] === CONTENT) return isVetoed
    if (args.length > 0) throw new Error(`${functionName} is not asked for.`)
    return functionName === 'tracks' ? TRACKS : BALLOTS
  }
  return { client: { readContract }, network: { contracts: { ballots: BALLOTS } } } as unknown as Chain
}

it('are the rules that a ballot began under, and more where it was hastened or vetoed before', async () => {
  const isMore = async (isVetoed: boolean, changes: Partial<typeof FACTS> = {}) => {
    const needs = await getBallotNeeds(chainWith(isVetoed), { ...FACTS, ...changes })
    expect(needs.rules).toBe(RULES)
    return needs.isMore
  }
  expect(await isMore(false)).toBe(false)
  expect(await isMore(true)).toBe(true)
  expect(await isMore(false, { isFast: true })).toBe(true)
  // A veto of its own is no veto that it began with.
  expect(await isMore(true, { executableAt: 1 })).toBe(false)
  expect(await isMore(true, { executableAt: 1, isVetoProof: true })).toBe(true)
})
