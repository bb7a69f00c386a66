import type { Address, Hex } from 'viem'
import type { Kind } from './messages/choice.ts'
import type { VotingPower } from './tally/power.ts'

/** A ballot, as far as voting on it needs it. Times are Unix seconds. */
export interface Ballot {
  id: Hex
  proposer: Address
  track: number
  kind: Kind
  /** What there is to choose from; a vote's numbers count from 1. */
  choices: string[]
  title: string
  body: string
  /** SHA-256 of its text. */
  contentHash: Hex
  /** Whether its text isn't known here. */
  isTextMissing: boolean
  proposedAt: number
  /** Votes are signed from then on, … */
  start: number
  /** … before this time, … */
  end: number
  /** … and posted on the chain before this. */
  postingEnd: number
  /** When power was fixed. */
  powerTime: number
}

/** Where ballots and power are read: the chain. What it gives is believed. */
export interface BallotSource {
  /** The newest block's time, as it was last heard of. Unix seconds. */
  readonly time: number
  /** All ballots, the newest first. */
  list(): Promise<Ballot[]>
  /** Undefined where there is none of this id. */
  find(id: Hex): Promise<Ballot | undefined>
  /** What an account may vote with on a ballot. */
  powerOf(ballot: Ballot, voter: Address): Promise<VotingPower>
}

/** Gives a text by its SHA-256; undefined where it isn't known. Whether it is the right one is checked. */
export type ReadText = (contentHash: Hex) => string | undefined | Promise<string | undefined>
