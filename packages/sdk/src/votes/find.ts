import { type Ballot, ballotOf, HubClient, type ReadText, scoresOf } from '@cloister/ballots'
import {
  type BallotStanding,
  getBallotStanding,
  getProposedBallots,
  type ProposedBallot,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Cloister } from '../cloister.ts'

/** A ballot, what was proposed, and where it stands. */
export interface BallotStatus {
  ballot: Ballot
  proposed: ProposedBallot
  standing: BallotStanding
  /** What each choice has of the votes that were posted. Base units of CLOI. */
  scores: bigint[]
}

/**
 * Ballots of a network, the newest first, as the chain has them; texts are the hub's, and checked.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * for (const { ballot, standing } of await votes.list(cloister)) console.log(ballot.title, standing.state)
 * ```
 */
export async function list(cloister: Cloister): Promise<BallotStatus[]> {
  const proposed = await getProposedBallots(cloister.chain)
  return Promise.all(proposed.reverse().map((one) => statusOf(cloister, one)))
}

/**
 * The ballot of an id, or of the beginning of one. Throws `not-found`, and `bad-request` where several begin
 * so.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot, scores } = await votes.find(cloister, '0x5f3a')
 * ```
 */
export async function find(cloister: Cloister, id: string): Promise<BallotStatus> {
  const wanted = id.toLowerCase().replace(/^(0x)?/, '0x')
  const found = (await getProposedBallots(cloister.chain)).filter((one) => one.id.startsWith(wanted))
  const [only] = found
  if (only && found.length === 1) return statusOf(cloister, only)
  if (only)
    throw new CloisterError('bad-request', `${found.length} ballots begin with ${id.slice(0, 66)}.`, {
      hint: 'Type more of it.',
    })
  throw new CloisterError('not-found', `There is no ballot ${id.slice(0, 66)} on ${cloister.network.name}.`, {
    hint: 'See which there are with `cloister vote list`.',
  })
}

async function statusOf(cloister: Cloister, proposed: ProposedBallot): Promise<BallotStatus> {
  const standing = await getBallotStanding(cloister.chain, proposed.id)
  const ballot = await ballotOf(proposed, standing, textsOf(cloister))
  return { ballot, proposed, standing, scores: scoresOf(ballot.kind, ballot.choices.length, standing.tally) }
}

/** Texts that the network's hub has; none where there is no hub. */
function textsOf({ network, send }: Cloister): ReadText {
  return network.hubUrl === undefined ? () => undefined : new HubClient(network.hubUrl, send).readText
}

/** Whether a hub at a URL is the one that the network names. */
export function isOfNetwork({ network }: Cloister, { url }: HubClient): boolean {
  return network.hubUrl !== undefined && new HubClient(network.hubUrl).url === url
}

/** The hub that is named, or the network's. Throws `not-found` where neither is. */
export function hubOf({ network, send }: Cloister, url = network.hubUrl): HubClient {
  if (url !== undefined) return new HubClient(url, send)
  throw new CloisterError('not-found', `The network ${network.name} names no hub.`, {
    hint: 'Name one with --hub.',
  })
}
