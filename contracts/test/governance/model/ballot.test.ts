import { describe, expect, it } from 'vitest'
import { type Ballot, begin, ENDS, hasRoom, LONGEST, OTHERS, STRANGERS, stateOf, wait } from './ballot.ts'

const MOVES = { ...STRANGERS, ...OTHERS, wait }
const CALLS = ['succeed', 'fail', 'failToBeAnnounced'] as const
/** Steps after the longest that a ballot takes, in which nothing may change any more. */
const AFTER = 4

/** Everything that can become of a ballot, by whatever anybody does in whichever order. */
function* everyState(): Generator<Ballot> {
  const seen = new Set<string>()
  const waiting = CALLS.flatMap((calls) => [begin(calls, null), begin(calls, -1)])
  for (let ballot = waiting.pop(); ballot; ballot = waiting.pop()) {
    const key = JSON.stringify(ballot)
    if (seen.has(key) || ballot.now > LONGEST + AFTER) continue
    seen.add(key)
    yield ballot
    for (const move of Object.values(MOVES)) {
      const next = move(ballot)
      if (next) waiting.push(next)
    }
  }
}

const states = [...everyState()]
const isOver = (ballot: Ballot) => ENDS.includes(stateOf(ballot))

/** What becomes of a ballot where strangers do what they can at once, and nobody else does anything. */
function leftToStrangers(ballot: Ballot): Ballot {
  let left = ballot
  while (!isOver(left)) {
    const { queue, execute } = STRANGERS
    left = queue(left) ?? execute(left) ?? wait(left)
  }
  return left
}

describe('a ballot, in every state that it can come to', () => {
  it('is in thousands of them', () => {
    expect(states.length).toBeGreaterThan(10_000)
    expect(new Set(states.map(stateOf)).size).toBe(9)
  })

  it('is over by its time, whatever anybody does and leaves undone', () => {
    expect(states.filter((ballot) => ballot.now >= LONGEST && !isOver(ballot))).toEqual([])
  })

  it('stays what it ended as', () => {
    const changed = states.filter((ballot) => {
      if (!isOver(ballot)) return false
      return Object.values(MOVES).some((move) => {
        const next = move(ballot)
        return next && stateOf(next) !== stateOf(ballot)
      })
    })
    expect(changed).toEqual([])
  })

  it('is executed by strangers where it passed, its calls succeed and nobody vetoes it', () => {
    const passed = states.filter((ballot) => stateOf(ballot) === 'Passed' && ballot.calls === 'succeed')
    expect(passed.length).toBeGreaterThan(100)
    expect(passed.filter((ballot) => stateOf(leftToStrangers(ballot)) !== 'Executed')).toEqual([])
  })

  it('waits where others used up the budget, and is executed once there is room or expires', () => {
    const executable = states.filter(
      (ballot) => stateOf(ballot) === 'Executable' && ballot.calls === 'succeed',
    )
    const waiting = executable.filter((ballot) => !hasRoom(ballot))
    expect(waiting.length).toBeGreaterThan(100)
    expect(waiting.filter((ballot) => STRANGERS.execute(ballot))).toEqual([])
    expect(new Set(waiting.map((ballot) => stateOf(leftToStrangers(ballot))))).toEqual(
      new Set(['Executed', 'Expired']),
    )
    const roomy = executable.filter(hasRoom)
    expect(roomy.filter((ballot) => stateOf(leftToStrangers(ballot)) !== 'Executed')).toEqual([])
  })

  it('is vetoed by nobody where its calls were vetoed before it was queued', () => {
    const proof = states.filter((ballot) => ballot.isVetoProof)
    expect(proof.length).toBeGreaterThan(100)
    expect(proof.filter((ballot) => OTHERS.veto(ballot) || stateOf(ballot) === 'VetoedOnce')).toEqual([])
  })
})
