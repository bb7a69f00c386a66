import {
  type BallotNeeds,
  decodeChange,
  GRANTS_ABI,
  getBallotNeeds,
  getBudgetUse,
  governedContracts,
} from '@cloister/chain'
import { formatDuration, showAmount } from '@cloister/core'
import { type BallotStatus, type Cloister, votes } from '@cloister/sdk'
import { facts, paint, printable, say, sayJson } from '@cloister/terminal'
import { erc20Abi } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI, instant, percent } from '../../show.ts'
import { budgetLines } from './budget.ts'
import { ballotJson } from './json.ts'
import { powerLines } from './power.ts'
import { bars, curve, isOpen, nextOf, shareOf, stateOf } from './standing.ts'
import { trackName } from './tracks.ts'

const BPS = 10_000

export async function show(id: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const status = await votes.find(cloister, id)
  const account = cloister.wallet?.account.address
  const power = account && (await votes.power(cloister, status.ballot, account))
  const needed = await getBallotNeeds(cloister.chain, status.standing.facts)
  const budget = isOpen(status)
    ? await getBudgetUse(cloister.chain, status.ballot.track, status.proposed.proposal.calls)
    : []
  if (options.json)
    return sayJson({
      ...ballotJson(status),
      rules: needed.rules,
      needsMore: needed.isMore,
      budget,
      ...(power && { power: { account, most: power.most, reasons: power.reasons } }),
    })
  const { ballot, standing } = status
  say(paint('bold', printable(ballot.title)))
  if (ballot.isTextMissing) say(paint('yellow', 'Its text is at no hub that this network names.'))
  const lines = ballot.body.split('\n').map((line) => `  ${printable(line)}`)
  if (ballot.body !== '') say(`\n${lines.join('\n')}\n`)
  say(
    facts([
      ['ballot', ballot.id],
      ['track', trackName(ballot.track)],
      ['kind', ballot.kind],
      ['proposed', `${instant(ballot.proposedAt)} by ${ballot.proposer}`],
      ['state', stateOf(status)],
      ['voting', `${instant(ballot.start)} to ${instant(ballot.end)}`],
      ['posting', `until ${instant(ballot.postingEnd)}`],
      ['next', nextOf(status)],
    ]),
  )
  for (const line of callLines(cloister, status)) say(line)
  for (const line of budgetLines(cloister.network, budget)) say(line)
  const { body, candidates } = status.proposed.proposal
  for (const [at, candidate] of candidates.entries())
    say(`${at === 0 ? `\nseats of ${body}\n` : ''}choice ${at + 1}  ${candidate}`)
  const { turnout, electorate } = standing.facts
  say(`\nPosted so far: ${showAmount(turnout, CLOI)}, ${percent(shareOf(turnout, electorate))} of all power`)
  for (const line of bars(status)) say(line)
  if (ballot.kind === 'basic') for (const line of thresholdLines(status, needed)) say(line)
  if (power && account) for (const line of powerLines(account, ballot, power)) say(line)
}

/** What the Safe is to do, as far as the function is known. */
export function callLines({ network }: Cloister, { proposed }: BallotStatus): string[] {
  const grants = { name: 'grants', address: network.contracts.grants, abi: GRANTS_ABI }
  const contracts = [...governedContracts(network), grants]
  const tokens = network.tokens.map(({ symbol, address }) => ({ name: symbol, address, abi: erc20Abi }))
  return proposed.proposal.calls.map(({ target, value, data, announced }, at) => {
    const [known] = [...contracts, ...tokens].flatMap(({ name, address, abi }) => {
      const change = address?.toLowerCase() === target.toLowerCase() ? decodeChange(abi, data) : undefined
      return change ? [`${name}.${change.function}(${JSON.stringify(change.args, plain)})`] : []
    })
    const what = known ?? data
    const more = [value > 0n && `with ${value} wei`, announced && 'announced 22 days ahead'].filter(Boolean)
    return `${at === 0 ? '\n' : ''}call ${at + 1}  ${target}  ${printable(what)} ${more.join(', ')}`.trimEnd()
  })
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** What it has to reach, and what it has: for among for and against, and part of all power. */
function thresholdLines(
  { ballot, standing, scores }: BallotStatus,
  { rules, isMore }: BallotNeeds,
): string[] {
  const approval = isMore ? rules.approvalAgain : rules.approvalEnd
  const support = isMore ? rules.supportAgain : rules.supportEnd
  const [yes = 0n, no = 0n, abstain = 0n] = scores
  const passed = (standing.now - ballot.start) / Math.max(1, ballot.end - ballot.start)
  const line = (name: string, has: number, from: number, to: number) =>
    `  ${name}  ${curve(from / BPS, to / BPS, passed)}  has ${percent(has)}, needs ${percent(to / BPS)} at the end`
  return [
    line('approval', shareOf(yes, yes + no), rules.approvalStart, approval),
    line('support ', shareOf(yes + abstain, standing.facts.electorate), rules.supportStart, support),
    ...(isMore ? ['  That is more than usual: its calls were vetoed before, or it was hastened.'] : []),
    `  It passes before its end once more than half of all power was for it, and both curves reached, for ${formatDuration(rules.confirmPeriod)}.`,
  ]
}
