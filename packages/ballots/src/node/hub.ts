import type { Chain } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Hex, sha256, stringToBytes } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { Ballot, BallotSource } from '../ballot.ts'
import { parseDocument } from '../document.ts'
import { readChoice } from '../messages/choice.ts'
import { contentIdOfHash } from '../messages/content-id.ts'
import { parseEnvelope } from '../messages/envelope.ts'
import { checkSignature } from '../messages/signature.ts'
import { replaces, type SignedVote } from '../messages/vote.ts'
import { isInVoting } from '../messages/window.ts'
import { type Receipt, receiptTypedData } from '../receipt.ts'
import { type Count, countVotes } from '../tally/count.ts'
import { mostPower } from '../tally/power.ts'
import type { StoredVote, VoteStore } from './store.ts'

/** How far a vote's time may be ahead, in seconds: as with Snapshot's sequencer. */
const AHEAD_SECONDS = 5 * 60
/** Votes of one account on one ballot; each takes room for ever. */
const MOST_VOTES = 50
/** Voters whose votes are counted together, when somebody asks for a tally. */
const MOST_COUNTED = 50_000

/** What a hub works with. */
export interface HubParts {
  chain: Chain
  source: BallotSource
  store: VoteStore
  key: PrivateKeyAccount
  /** The space that votes name. */
  space: string
  /** The contract of ballots, which receipts are for. */
  ballots: Hex
  /** Unix seconds. */
  now: () => number
}

/** A vote that was taken, with the hub's word for it. */
export interface Taken {
  stored: StoredVote
  receipt: Receipt
  /** What Snapshot's sequencer signs: the vote's signature, as a message (EIP-191). */
  snapshotReceipt: Hex
}

/** Takes votes: checks them as Snapshot's sequencer does and as the chain will, keeps and signs for them. */
export class Hub {
  readonly parts: HubParts
  private readonly counts = new Map<Hex, { last: number; count: Count }>()

  constructor(parts: HubParts) {
    this.parts = parts
  }

  /**
   * Takes a vote as anybody posts it. Throws `too-large`, `bad-request`, `unauthorized`, `not-found` (no
   * such ballot), `not-voting`, `no-power`, `exists`, `too-many`, `chain-unreachable`.
   */
  async take(json: string): Promise<Taken> {
    const vote = parseEnvelope(json)
    // Asks the chain, whose time may be ahead of the clock.
    await this.parts.source.find(vote.proposal)
    this.checkClock(vote)
    const ballot = await this.check(vote)
    this.checkWindow(ballot, this.parts.now(), 'It is')
    return this.sign(await this.keep(vote, ballot))
  }

  /**
   * Takes a vote that another hub had. It may be older than one that is posted now, and voting may be over:
   * its own time is in the window, as the chain asks.
   */
  async takeFromOther(json: string): Promise<StoredVote> {
    const vote = parseEnvelope(json)
    // Before its signature is checked, which takes most of the time: all is read again after a start.
    this.checkRoom(vote)
    return this.keep(vote, await this.check(vote))
  }

  /** The tally of a ballot's votes here. The chain's counts those that were posted. */
  count(ballot: Ballot): Count {
    const { store } = this.parts
    const { last } = store.standOf(ballot.id)
    const known = this.counts.get(ballot.id)
    if (known?.last === last) return known.count
    const votes = store.select({ proposals: [ballot.id], first: MOST_COUNTED })
    const count = countVotes(
      ballot,
      votes.map(({ vote, power }) => ({ id: vote.id, voter: vote.from, choice: vote.choice, power })),
    )
    this.counts.set(ballot.id, { last, count })
    return count
  }

  /**
   * Keeps a ballot's text, once the ballot is on the chain: nobody else's has room here. Throws
   * `bad-request`, `too-large`, `not-found`.
   */
  async publish(json: string): Promise<string> {
    const { source, store } = this.parts
    parseDocument(json)
    const content = sha256(stringToBytes(json))
    if (!(await source.list()).some(({ contentHash }) => contentHash === content))
      throw new CloisterError('not-found', 'No ballot on this network has this text.', {
        hint: 'Propose it first; only texts of ballots are kept.',
      })
    store.addText(content, json)
    return contentIdOfHash(content)
  }

  async receiptOf({ vote, content, receivedAt }: StoredVote): Promise<Receipt> {
    const { key, chain, ballots } = this.parts
    const said = { vote: vote.id, content, receivedAt }
    const place = { chainId: chain.network.chainId, ballots }
    return { ...said, hub: key.address, signature: await key.signTypedData(receiptTypedData(said, place)) }
  }

  private async sign(stored: StoredVote): Promise<Taken> {
    const snapshotReceipt = await this.parts.key.signMessage({ message: stored.vote.signature })
    return { stored, receipt: await this.receiptOf(stored), snapshotReceipt }
  }

  private async check(vote: SignedVote): Promise<Ballot> {
    const { source, chain, space } = this.parts
    if (vote.space !== space)
      throw new CloisterError('bad-request', `The vote is for the space ${vote.space.slice(0, 60)}.`, {
        hint: `This network’s ballots are in ${space}.`,
      })
    const ballot = await source.find(vote.proposal)
    if (!ballot) throw new CloisterError('not-found', `There is no ballot ${vote.proposal} on this network.`)
    readChoice(ballot.kind, ballot.choices.length, vote.choice)
    this.checkWindow(ballot, vote.timestamp, 'The vote is of')
    await checkSignature(chain, vote)
    return ballot
  }

  private checkClock({ timestamp }: SignedVote): void {
    // How old it may be, the ballot says: Snapshot's sequencer takes none of over six days, though the chain
    // counts what was signed within the voting, which may last longer.
    if (timestamp > this.parts.now() + AHEAD_SECONDS)
      throw new CloisterError('bad-request', 'The vote’s time is too far ahead of now.', {
        hint: 'See whether the clock of the machine that signs is right.',
      })
  }

  /** Throws `not-voting` where votes of a time, or at a time, aren't taken. */
  private checkWindow(ballot: Ballot, time: number, what: string): void {
    if (isInVoting(ballot, time)) return
    const { start, end } = ballot
    const [why, when] = time < start ? ['voting begins only', start] : ['voting ended', end]
    throw new CloisterError(
      'not-voting',
      `${what} ${new Date(time * 1000).toISOString()}, and ${why} at ${new Date(when * 1000).toISOString()}.`,
    )
  }

  private async keep(vote: SignedVote, ballot: Ballot): Promise<StoredVote> {
    const { store, source, now } = this.parts
    this.checkRoom(vote)
    const power = store.lastOf(ballot.id, vote.from)?.power ?? (await source.powerOf(ballot, vote.from))
    if (mostPower(power) === 0n)
      throw new CloisterError('no-power', `${vote.from} has no power on this ballot.`, {
        hint: `Power is staked CLOI, and liquid CLOI that was registered, before ${new Date(ballot.powerTime * 1000).toISOString()}: \`cloister vote register\` for the next one.`,
      })
    // Others may have come while the chain was asked; from here on nothing waits.
    this.checkRoom(vote)
    const last = store.lastOf(ballot.id, vote.from)
    return store.add(vote, power, now(), !last || replaces(vote, last.vote))
  }

  private checkRoom({ id, proposal, from }: SignedVote): void {
    const { store } = this.parts
    if (store.find(id)) throw new CloisterError('exists', 'This very vote is here already.')
    if (store.countOf(proposal, from) >= MOST_VOTES)
      throw new CloisterError('too-many', `${from} has voted ${MOST_VOTES} times on this ballot.`)
  }
}
