import type { Ballot } from '../ballot.ts'

/** Seconds by which voters' clocks may be behind: the contract's tolerance. */
const TOLERANCE_SECONDS = 300

/** Whether the contract takes votes that were signed for a time (Unix seconds). */
export function isInVoting({ start, end }: Pick<Ballot, 'start' | 'end'>, timestamp: number): boolean {
  return timestamp >= start - TOLERANCE_SECONDS && timestamp <= end
}
