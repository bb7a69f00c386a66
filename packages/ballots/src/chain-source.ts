import {
  BALLOT_KINDS,
  type BallotStanding,
  type Chain,
  getBallotStanding,
  getPower,
  getProposedBallots,
  type ProposedBallot,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Address, type Hex, sha256, stringToBytes } from 'viem'
import type { Ballot, BallotSource, ReadText } from './ballot.ts'
import { readDocument, textInUri } from './document.ts'
import type { VotingPower } from './tally/power.ts'

/** Milliseconds for which a ballot's times are given again: late votes may make the voting longer. */
const REMEMBERED_MS = 2_000
/** Blocks that may still change, and are read again. */
const UNSETTLED_BLOCKS = 64n

/** Ballots and power, as the chain has them. */
export class ChainSource implements BallotSource {
  time = 0
  private readonly chain: Chain
  private readonly readText: ReadText
  private readonly proposed = new Map<Hex, ProposedBallot>()
  private readUpTo: bigint
  private reading: Promise<void> | undefined
  private readAt = 0
  private readonly known = new Map<Hex, { at: number; ballot: Promise<Ballot> }>()

  /** `readText` gives texts that aren't on the chain itself. */
  constructor(chain: Chain, readText: ReadText = () => undefined) {
    this.chain = chain
    this.readText = readText
    this.readUpTo = BigInt(chain.network.deployedAt)
  }

  async list(): Promise<Ballot[]> {
    await this.look()
    const all = await Promise.all([...this.proposed.values()].map((one) => this.ballotOf(one)))
    return all.sort((one, other) => other.proposedAt - one.proposedAt)
  }

  async find(id: Hex): Promise<Ballot | undefined> {
    if (!this.proposed.has(id)) await this.look()
    const proposed = this.proposed.get(id)
    return proposed && this.ballotOf(proposed)
  }

  async powerOf({ powerTime }: Ballot, voter: Address): Promise<VotingPower> {
    return readPower(this.chain, voter, powerTime)
  }

  /** Reads what was proposed since; who comes meanwhile waits for the same answer. */
  private look(): Promise<void> {
    if (!this.reading || Date.now() - this.readAt > REMEMBERED_MS) {
      this.readAt = Date.now()
      this.reading = this.read().catch((error) => {
        this.reading = undefined
        throw error
      })
    }
    return this.reading
  }

  private async read(): Promise<void> {
    const newest = await this.chain.client.getBlockNumber().catch((cause) => {
      throw new CloisterError('chain-unreachable', 'The chain does not answer.', { cause })
    })
    for (const one of await getProposedBallots(this.chain, this.readUpTo, newest))
      this.proposed.set(one.id, one)
    const settled = newest - UNSETTLED_BLOCKS
    if (settled > this.readUpTo) this.readUpTo = settled
  }

  /** Whoever asks while the chain is asked waits for the same answer. */
  private ballotOf(proposed: ProposedBallot): Promise<Ballot> {
    const known = this.known.get(proposed.id)
    if (known && Date.now() - known.at < REMEMBERED_MS) return known.ballot
    const ballot = this.readBallot(proposed).catch((error) => {
      this.known.delete(proposed.id)
      throw error
    })
    this.known.set(proposed.id, { at: Date.now(), ballot })
    return ballot
  }

  private async readBallot(proposed: ProposedBallot): Promise<Ballot> {
    const standing = await getBallotStanding(this.chain, proposed.id)
    this.time = Math.max(this.time, standing.now)
    return ballotOf(proposed, standing, this.readText)
  }
}

/** A ballot as voting needs it, of its proposal and where it stands. */
export async function ballotOf(
  { id, proposer, track, proposal, snapshot }: ProposedBallot,
  { facts, postingEnd }: Pick<BallotStanding, 'facts' | 'postingEnd'>,
  readText: ReadText,
): Promise<Ballot> {
  const { contentHash, uri } = proposal
  const kind = BALLOT_KINDS[proposal.kind] ?? 'basic'
  const text = textInUri(proposal) ?? (await checkedText(contentHash, readText))
  const { title, body, choices } = readDocument(text, uri, kind, proposal.choices)
  return {
    id,
    proposer,
    track,
    kind,
    choices,
    title,
    body,
    contentHash,
    isTextMissing: text === undefined,
    proposedAt: Number(facts.start),
    start: Number(facts.start),
    end: Number(facts.end),
    postingEnd,
    powerTime: snapshot,
  }
}

async function checkedText(contentHash: Hex, readText: ReadText): Promise<string | undefined> {
  const text = await readText(contentHash)
  return text !== undefined && sha256(stringToBytes(text)) === contentHash ? text : undefined
}

/** An account's parts of power at the end of a second, those that are worth something. */
export async function readPower(chain: Chain, account: Address, time: number): Promise<VotingPower> {
  const { liquid, pools } = await getPower(chain, account, time)
  const staked = pools.map(({ index, provider, worth }) => ({
    bit: index + 1,
    kind: provider === account ? ('pool' as const) : ('stake' as const),
    provider,
    worth,
  }))
  return [{ bit: 0, kind: 'liquid' as const, worth: liquid }, ...staked].filter(({ worth }) => worth > 0n)
}
