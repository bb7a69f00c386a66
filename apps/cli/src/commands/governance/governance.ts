import {
  type AnnouncementRecord,
  formatDuration,
  type ProposalRecord,
  type SuspensionRecord,
} from '@cloister/core'
import { governance, type OnChain } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { instant, short } from '../../show.ts'

const ROLES = { earn: 1, verify: 2 }

export async function showGovernance(options: Globals & { all?: boolean }): Promise<void> {
  const found = await governance(connect(options))
  const isShown = ({ state }: { state: string }) =>
    options.all === true || ['waiting', 'ready', 'in-force'].includes(state)
  const announcements = found.announcements.filter(isShown)
  const suspensions = found.suspensions.filter(isShown)
  const proposals = found.proposals.filter(isShown)
  if (options.json) return sayJson({ announcements, suspensions, proposals })
  if (announcements.length + suspensions.length + proposals.length === 0)
    return say(
      options.all
        ? 'Governance has announced, suspended and proposed nothing.'
        : 'Nothing is announced, suspended or proposed.',
    )
  const blocks = [
    announcements.length > 0 &&
      table(
        ['contract', 'announced change', 'by', 'announced', 'takes effect', 'state'],
        announcements.map(announcementRow),
      ),
    suspensions.length > 0 &&
      table(['suspended', 'what', 'by', 'since', 'until', 'state'], suspensions.map(suspensionRow)),
    proposals.length > 0 &&
      table(['proposed slash', 'of', 'by', 'proposed', 'from', 'state'], proposals.map(proposalRow)),
  ]
  say(blocks.filter((block) => block !== false).join('\n\n'))
}

function announcementRow(one: OnChain<AnnouncementRecord>): string[] {
  const { contract, by, announcedAt, readyAt, expiresAt } = one
  const isMadeByItself = one.change === undefined
  const what =
    one.function === undefined
      ? `no function of its own (${shortened(one.call ?? '')})`
      : `${one.function}(${argumentsOf(one.args ?? {})})`
  return [
    contract,
    printable(what),
    by ? short(by) : '',
    instant(announcedAt),
    isMadeByItself ? instant(readyAt) : `from ${instant(readyAt)}`,
    stateOf(one, readyAt, expiresAt),
  ]
}

function suspensionRow(one: OnChain<SuspensionRecord>): string[] {
  const taken =
    one.kind === 'measurement' ? `may not ${rolesOf(one.roles)}` : `floor raised to ${argumentsOf(one.floor)}`
  const named =
    one.kind === 'measurement' ? `measurement ${shortened(one.measurement)}` : `platforms ${one.fmspc}`
  return [
    named,
    printable(taken),
    one.by ? short(one.by) : '',
    instant(one.since),
    instant(one.until),
    stateOf(one, one.until),
  ]
}

function proposalRow(one: OnChain<ProposalRecord>): string[] {
  return [
    `${one.bps / 100}% of the pool`,
    one.provider,
    one.by ? short(one.by) : '',
    instant(one.proposedAt),
    instant(one.readyAt),
    stateOf(one, one.readyAt, one.expiresAt),
  ]
}

/** How it stands, and how long still; in red where the chain says otherwise than the index. */
function stateOf(
  { state, onChain }: { state: string; onChain: boolean | undefined },
  next: number,
  last = next,
): string {
  if (onChain === false) return paint('red', `${state}, but not on chain`)
  const left = (until: number) => formatDuration(Math.max(0, until - Math.floor(Date.now() / 1000)))
  if (state === 'waiting' || state === 'in-force') return paint('yellow', `${state}, ${left(next)} more`)
  if (state === 'ready') return paint('yellow', `${state}, for ${left(last)} more`)
  return paint('dim', state)
}

function rolesOf(roles: number): string {
  const named = Object.entries(ROLES).flatMap(([name, bit]) => ((roles & bit) === 0 ? [] : [name]))
  return named.join(' or ') || 'do anything'
}

function argumentsOf(args: Record<string, unknown>): string {
  return Object.entries(args)
    .map(
      ([name, value]) =>
        `${name}: ${typeof value === 'object' && value !== null ? `{ ${argumentsOf(value as Record<string, unknown>)} }` : shortened(String(value))}`,
    )
    .join(', ')
}

/** Hashes are known by how they begin; --json has them whole. */
function shortened(text: string): string {
  return /^0x[0-9a-f]{41,}$/i.test(text) ? `${text.slice(0, 12)}…` : text
}
