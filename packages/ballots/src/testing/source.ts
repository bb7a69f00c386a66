import type { Address, Hex } from 'viem'
import type { Ballot, BallotSource } from '../ballot.ts'
import type { VotingPower } from '../tally/power.ts'

/** Made-up ballots and power, for tests of what takes votes. */
export class FakeSource implements BallotSource {
  readonly time = 0
  readonly ballots: Ballot[] = []
  readonly powers = new Map<Address, VotingPower>()
  /** How often the chain would have been asked for power. */
  asked = 0

  async list(): Promise<Ballot[]> {
    return this.ballots
  }

  async find(id: Hex): Promise<Ballot | undefined> {
    return this.ballots.find((ballot) => ballot.id === id)
  }

  async powerOf(_: Ballot, voter: Address): Promise<VotingPower> {
    this.asked++
    return this.powers.get(voter) ?? []
  }
}

/** A basic ballot that votes are taken on for 7 days from `start`. */
export function fakeBallot(start: number, changes: Partial<Ballot> = {}): Ballot {
  const end = start + 7 * 86_400
  return {
    id: `0x${'ab'.repeat(32)}`,
    proposer: `0x${'11'.repeat(20)}`,
    track: 1,
    kind: 'basic',
    choices: ['For', 'Against', 'Abstain'],
    title: 'Pay the auditors',
    body: 'As agreed.',
    contentHash: `0x${'00'.repeat(32)}`,
    isTextMissing: false,
    proposedAt: start,
    start,
    end,
    postingEnd: end + 86_400,
    powerTime: start - 1,
    ...changes,
  }
}
