/**
 * One ballot as Ballots.sol has it, with time in steps of twelve hours and votes by what they come to. What
 * others do is in it as far as it reaches this ballot: votes that are posted, brakes, a veto of another
 * ballot of the same calls, and ballots of its track that use the budget up.
 */
export interface Ballot {
  now: number
  end: number
  /** What the votes posted so far come to, from too few to a majority of all power. */
  votes: 'fails' | 'passes' | 'passesAgain' | 'majority'
  isPassing: boolean
  isExtended: boolean
  isFast: boolean
  majoritySince: number | null
  executableAt: number | null
  isVetoProof: boolean
  isExecuted: boolean
  vetoedAt: number | null
  /** When others used up the budget that its calls need; there is room again a window later. */
  spentAt: number | null
  /** Whether calls succeed, and announcing them does. */
  calls: 'succeed' | 'fail' | 'failToBeAnnounced'
}

export type State =
  | 'Voting'
  | 'Posting'
  | 'Passed'
  | 'Queued'
  | 'Executable'
  | 'Executed'
  | 'Rejected'
  | 'VetoedOnce'
  | 'Expired'

export const ENDS: readonly State[] = ['Executed', 'Rejected', 'VetoedOnce', 'Expired']

/** In steps. Shorter than real ones where that makes no difference but of how many states there are. */
const [VOTING, FAST_VOTING, CONFIRM, POSTING, FAST_POSTING, TIMELOCK, FAST_TIMELOCK, WINDOW] = [
  6, 2, 2, 2, 1, 4, 1, 3,
]
/** How long what was moved counts against a budget, in steps. */
const BUDGET_WINDOW = 2
/** The longest that a ballot takes, whatever anybody does: it is extended once. */
export const LONGEST = VOTING + POSTING + POSTING + POSTING + WINDOW + TIMELOCK + WINDOW

export const begin = (calls: Ballot['calls'], vetoedAt: number | null): Ballot => ({
  now: 0,
  end: VOTING,
  votes: 'fails',
  isPassing: false,
  isExtended: false,
  isFast: false,
  majoritySince: null,
  executableAt: null,
  isVetoProof: false,
  isExecuted: false,
  vetoedAt,
  spentAt: null,
  calls,
})

const postingOf = ({ isFast }: Ballot) => (isFast ? FAST_POSTING : POSTING)
const postingEndOf = (ballot: Ballot) => ballot.end + postingOf(ballot)

type Move = (ballot: Ballot) => Ballot | undefined

function wasVetoed(ballot: Ballot): boolean {
  const since = ballot.executableAt ?? postingEndOf(ballot)
  return ballot.vetoedAt !== null && ballot.vetoedAt < since + WINDOW
}

/** A ballot that was there before the veto doesn't pass in the vetoed one's place. It began at 0. */
function passes(ballot: Ballot): boolean {
  const again = wasVetoed(ballot)
  if (again && (ballot.vetoedAt ?? 0) > 0) return false
  return again || ballot.isFast ? !['fails', 'passes'].includes(ballot.votes) : ballot.votes !== 'fails'
}

/** `stateOf` of Ballots.sol. */
export function stateOf(ballot: Ballot): State {
  const { now, executableAt, majoritySince } = ballot
  if (ballot.isExecuted) return 'Executed'
  if (executableAt !== null) {
    if (wasVetoed(ballot) && !ballot.isVetoProof) return 'VetoedOnce'
    if (now < executableAt) return 'Queued'
    return now < executableAt + WINDOW ? 'Executable' : 'Expired'
  }
  if (now >= postingEndOf(ballot) + WINDOW) return passes(ballot) ? 'Expired' : 'Rejected'
  if (majoritySince !== null && now >= majoritySince + CONFIRM && passes(ballot)) return 'Passed'
  if (now < ballot.end) return 'Voting'
  if (now < postingEndOf(ballot)) return 'Posting'
  return passes(ballot) ? 'Passed' : 'Rejected'
}

/** Whether the track's budget has room for its calls. */
export function hasRoom({ now, spentAt }: Ballot): boolean {
  return spentAt === null || now >= spentAt + BUDGET_WINDOW
}

/** Time passes. */
export const wait = (ballot: Ballot): Ballot => ({ ...ballot, now: ballot.now + 1 })

/** What anybody can do; undefined where the contract refuses. */
export const STRANGERS = {
  queue: (ballot) => {
    if (stateOf(ballot) !== 'Passed' || ballot.calls === 'failToBeAnnounced') return
    const executableAt = ballot.now + (ballot.isFast ? FAST_TIMELOCK : TIMELOCK)
    return { ...ballot, executableAt, isVetoProof: ballot.vetoedAt !== null }
  },
  execute: (ballot) => {
    if (stateOf(ballot) !== 'Executable' || ballot.calls !== 'succeed' || !hasRoom(ballot)) return
    return { ...ballot, isExecuted: true }
  },
} satisfies Record<string, Move>

function post(ballot: Ballot, votes: Ballot['votes']): Ballot | undefined {
  if (ballot.executableAt !== null || ballot.now >= postingEndOf(ballot)) return
  const next = { ...ballot, votes }
  next.majoritySince = votes === 'majority' ? (ballot.majoritySince ?? ballot.now) : null
  if (passes(next) === ballot.isPassing) return next
  next.isPassing = !ballot.isPassing
  if (ballot.isExtended || ballot.now + postingOf(ballot) / 2 < postingEndOf(ballot)) return next
  return { ...next, isExtended: true, end: ballot.now + postingOf(ballot) }
}

/** What voters, council, committee and the voters of other ballots can do. */
export const OTHERS = {
  postFails: (ballot) => post(ballot, 'fails'),
  postPasses: (ballot) => post(ballot, 'passes'),
  postPassesAgain: (ballot) => post(ballot, 'passesAgain'),
  postMajority: (ballot) => post(ballot, 'majority'),
  hasten: (ballot) => {
    if (stateOf(ballot) !== 'Voting') return
    return { ...ballot, isFast: true, end: Math.min(ballot.end, Math.max(FAST_VOTING, ballot.now)) }
  },
  veto: (ballot) => {
    const mayBe = ['Queued', 'Executable'].includes(stateOf(ballot)) && ballot.vetoedAt === null
    return mayBe ? { ...ballot, vetoedAt: ballot.now } : undefined
  },
  vetoAnother: (ballot) => (ballot.vetoedAt === null ? { ...ballot, vetoedAt: ballot.now } : undefined),
  /** Where it makes a difference: earlier the budget has room again by the time that it is needed. */
  spend: (ballot) => {
    if (ballot.executableAt === null || ballot.now + BUDGET_WINDOW <= ballot.executableAt) return
    return stateOf(ballot) === 'Queued' || stateOf(ballot) === 'Executable'
      ? { ...ballot, spentAt: ballot.now }
      : undefined
  },
} satisfies Record<string, Move>
