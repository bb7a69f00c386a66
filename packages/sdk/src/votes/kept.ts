import {
  checkHubKey,
  contentIdOf,
  HubClient,
  isReceiptOf,
  type KeptVote,
  tagOf,
  writeEnvelope,
} from '@cloister/ballots'
import { getBallotPlaces, getCountedVote } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { hubOf, isOfNetwork } from './find.ts'

/**
 * What a hub has of a vote that it signed for: `kept`, published and among the ballot's votes; `unlisted`,
 * published and not among them; `withheld`, neither, against its own receipt; `not-signed-for`, which a hub
 * may well not have.
 */
export type AtHub = 'kept' | 'unlisted' | 'withheld' | 'not-signed-for' | 'unreachable'

/** What the chain counts of its voter: this vote, a later one, an earlier one or nothing. */
export type OnChain = 'counted' | 'replaced' | 'not-posted'

/** What became of a vote. */
export interface Followed {
  kept: KeptVote
  /** Whether the receipt is of this vote, and by the key that the network names where its hub gave it. */
  receipt: 'good' | 'bad' | 'other-key' | 'none'
  hub: AtHub
  chain: OnChain
}

/**
 * Checks votes that were kept against the hubs that they were handed to, and against the chain. Votes of
 * other networks are passed over. Throws `not-found` where the network has no ballots, `chain-unreachable`.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const vote = await votes.sign(cloister, ballot, 1)
 * const kept = await votes.keep(cloister, vote)
 * for (const { hub, chain } of await votes.follow(cloister, [kept])) console.log(hub, chain)
 * ```
 */
export async function follow(cloister: Cloister, all: readonly KeptVote[]): Promise<Followed[]> {
  const { ballots } = await getBallotPlaces(cloister.chain)
  const { chainId } = cloister.network
  const own = all.filter((kept) => kept.chainId === chainId && kept.ballots === ballots)
  const listed = new Map<string, Promise<ReadonlySet<Hex> | undefined>>()
  return Promise.all(
    own.map(async (kept) => {
      const place = `${kept.hub} ${kept.vote.proposal}`
      const list = listed.get(place) ?? idsAt(cloister, kept, own)
      listed.set(place, list)
      const receipt = await receiptOf(cloister, kept)
      return {
        kept,
        receipt,
        hub: await atHub(cloister, kept, receipt, list),
        chain: await onChain(cloister, kept),
      }
    }),
  )
}

/**
 * A vote as its voter keeps it, which a hub is handed: the network's if none is named. Its receipt is added
 * once there is one. Throws `not-found` where the network has no ballots, or no hub.
 *
 * @example
 * ```ts
 * import { writeKeptVote } from '@cloister/ballots'
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const vote = await votes.sign(cloister, ballot, 1)
 * const kept = await votes.keep(cloister, vote)
 * const text = writeKeptVote({ ...kept, receipt: await votes.handIn(cloister, vote) })
 * ```
 */
export async function keep(cloister: Cloister, vote: KeptVote['vote'], hub?: string): Promise<KeptVote> {
  const { url } = hubOf(cloister, hub)
  const { ballots } = await getBallotPlaces(cloister.chain)
  return { chainId: cloister.network.chainId, ballots, hub: url, vote }
}

/** Those of the kept votes that a hub lists for a ballot; undefined where it doesn't answer. */
async function idsAt(
  { send }: Cloister,
  { hub, vote: { proposal } }: KeptVote,
  own: readonly KeptVote[],
): Promise<ReadonlySet<Hex> | undefined> {
  const wanted = new Set(own.map(({ vote }) => vote.id))
  const found = new Set<Hex>()
  try {
    for await (const { id } of new HubClient(hub, send).votes(proposal, 'all'))
      if (wanted.has(id)) found.add(id)
    return found
  } catch {
    // Whatever breaks an answer off, it says nothing of what the hub has.
    return undefined
  }
}

async function receiptOf(
  cloister: Cloister,
  { receipt, vote, chainId, ballots, hub }: KeptVote,
): Promise<Followed['receipt']> {
  if (!receipt) return 'none'
  const isGood =
    receipt.content === contentIdOf(writeEnvelope(vote)) &&
    (await isReceiptOf(receipt, vote.id, { chainId, ballots }))
  if (!isGood) return 'bad'
  try {
    if (isOfNetwork(cloister, new HubClient(hub))) checkHubKey(cloister.network, receipt)
    return 'good'
  } catch (error) {
    if (error instanceof CloisterError && error.code === 'bad-answer') return 'other-key'
    throw error
  }
}

async function atHub(
  { send }: Cloister,
  { hub, vote }: KeptVote,
  receipt: Followed['receipt'],
  listed: Promise<ReadonlySet<Hex> | undefined>,
): Promise<AtHub> {
  const ids = await listed
  if (!ids) return 'unreachable'
  const envelope = writeEnvelope(vote)
  try {
    const published = await new HubClient(hub, send).published(contentIdOf(envelope))
    if (published === envelope) return ids.has(vote.id) ? 'kept' : 'unlisted'
    return receipt === 'good' || receipt === 'other-key' ? 'withheld' : 'not-signed-for'
  } catch (error) {
    if (error instanceof CloisterError) return 'unreachable'
    throw error
  }
}

async function onChain({ chain }: Cloister, { vote }: KeptVote): Promise<OnChain> {
  const { timestamp, tag } = await getCountedVote(chain, vote.proposal, vote.from)
  if (timestamp === vote.timestamp && tag === tagOf(vote.id)) return 'counted'
  return timestamp > vote.timestamp || (timestamp === vote.timestamp && tag > tagOf(vote.id))
    ? 'replaced'
    : 'not-posted'
}
