import type { BallotState } from '@cloister/chain'
import { formatDuration, showAmount } from '@cloister/core'
import type { BallotStatus } from '@cloister/sdk'
import { bar, paint, printable } from '@cloister/terminal'
import { CLOI, percent } from '../../show.ts'

/** Seconds in which what passed has to be queued, and what was queued to be executed. */
const WINDOW_SECONDS = 14 * 86_400

/** Ballots that something can still be done about. */
const OPEN: readonly BallotState[] = ['voting', 'posting', 'passed', 'queued', 'executable']

export function isOpen({ standing }: BallotStatus): boolean {
  return OPEN.includes(standing.state)
}

/** A state in its colour. */
export function stateOf({ standing: { state } }: BallotStatus): string {
  if (state === 'executed' || state === 'decided') return paint('green', state)
  if (state === 'rejected' || state === 'vetoed-once') return paint('red', state)
  return state === 'expired' ? paint('dim', state) : paint('yellow', state)
}

/** What happens next, when, and what there is to type. */
export function nextOf({ ballot, standing, proposed }: BallotStatus): string {
  const { state, facts, now, postingEnd } = standing
  const id = ballot.id.slice(0, 10)
  const left = (until: number) => formatDuration(until - now)
  const calls = proposed.proposal.calls.length
  switch (state) {
    case 'voting':
      return `votes may be signed for ${left(ballot.end)} more (cloister vote cast ${id} …), and posted for a day after that`
    case 'posting':
      return `votes that were signed in time may be posted for ${left(postingEnd)} more: cloister vote post ${id}`
    case 'passed':
      return `it passed; anybody starts its timelock within ${left(postingEnd + WINDOW_SECONDS)}: cloister vote queue ${id}`
    case 'queued':
      return `its ${calls === 1 ? 'call' : `${calls} calls`} can be made in ${left(Number(facts.executableAt))}, unless it is vetoed`
    case 'executable':
      return `anybody makes its calls within ${left(Number(facts.executableAt) + WINDOW_SECONDS)}: cloister vote execute ${id}`
    case 'vetoed-once':
      return 'the same calls can be proposed again; if they pass by the higher threshold, nobody can veto them'
    case 'rejected':
      return facts.isBondPaid ? 'nothing' : `its bond can be paid: cloister vote bond ${id}`
    case 'expired':
      return 'nobody carried it out in time; it can be proposed again'
    default:
      return facts.isBondPaid ? 'nothing' : `its bond can be paid back: cloister vote bond ${id}`
  }
}

/** Choices with what each has, as bars of the greatest. */
export function bars({ ballot: { choices }, scores }: BallotStatus): string[] {
  const whole = scores.reduce((sum, score) => sum + score, 0n)
  const wide = Math.max(...choices.map((one) => [...printable(one)].length))
  return choices.map((choice, at) => {
    const score = scores[at] ?? 0n
    const share = shareOf(score, whole)
    return `  ${printable(choice).padEnd(wide)}  ${bar(share, 1)}  ${percent(share).padStart(6)}  ${showAmount(score, CLOI)}`
  })
}

/** A part of a whole, for reading. */
export function shareOf(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 1_000_000n) / whole) / 1_000_000
}

const BLOCKS = '▁▂▃▄▅▆▇█'
const CELLS = 24

/** A curve that falls evenly, with where on it a ballot is now: `percent` before and after, 0 to 1. */
export function curve(from: number, to: number, passed: number): string {
  const cells = Array.from({ length: CELLS }, (_, at) => {
    const height = from + ((to - from) * at) / (CELLS - 1)
    return BLOCKS[Math.min(BLOCKS.length - 1, Math.max(0, Math.round(height * (BLOCKS.length - 1))))] ?? ''
  })
  const at = Math.min(CELLS - 1, Math.max(0, Math.round(passed * (CELLS - 1))))
  return cells.map((cell, place) => (place === at ? paint('yellow', cell) : cell)).join('')
}
