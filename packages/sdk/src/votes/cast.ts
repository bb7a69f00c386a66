import {
  type Ballot,
  bitsOf,
  checkHubKey,
  choiceBytes,
  contentIdOf,
  idOfVote,
  isReceiptOf,
  type RawChoice,
  type Receipt,
  readChoice,
  readPower,
  type SignedVote,
  type Vote,
  voteTypedData,
  writeEnvelope,
} from '@cloister/ballots'
import { castVote, getBallotPlaces } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { hubOf, isOfNetwork } from './find.ts'

/** What goes with a vote's choice. */
export interface CastOptions {
  reason?: string
  app?: string
}

/**
 * Signs a vote with the account's key, in Snapshot's format. Costs nothing, and is handed to nobody yet.
 * Throws `no-wallet`, `bad-request` for a choice that can't be counted.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const receipt = await votes.handIn(cloister, await votes.sign(cloister, ballot, 1))
 * ```
 */
export async function sign(
  cloister: Cloister,
  ballot: Ballot,
  choice: RawChoice,
  { reason = '', app = '' }: CastOptions = {},
): Promise<SignedVote> {
  const wallet = walletOf(cloister)
  readChoice(ballot.kind, ballot.choices.length, choice)
  const { space } = await getBallotPlaces(cloister.chain)
  const vote: Vote = {
    from: wallet.account.address,
    space,
    timestamp: await timeOf(cloister),
    proposal: ballot.id,
    choice,
    reason,
    app,
    metadata: '{}',
  }
  const signature = await wallet.wallet.signTypedData({
    account: wallet.account,
    // Which types there are depends on the choice, which is more than can be inferred.
    ...(voteTypedData(vote) as unknown as Parameters<typeof wallet.wallet.signTypedData>[0]),
  })
  return { ...vote, signature, id: idOfVote(vote) }
}

/**
 * Hands a vote to a hub, the network's if none is named, and checks its receipt: that it is of this very
 * vote and, of the network's hub, by the key that the network's description names. Throws `not-found`,
 * `unreachable`, `bad-answer` and what the hub refuses a vote for.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const vote = await votes.sign(cloister, ballot, 1)
 * const receipt = await votes.handIn(cloister, vote, 'https://hub.example.org')
 * ```
 */
export async function handIn(cloister: Cloister, vote: SignedVote, hub?: string): Promise<Receipt> {
  const client = hubOf(cloister, hub)
  const receipt = await client.cast(vote)
  const { ballots } = await getBallotPlaces(cloister.chain)
  const isOurs = receipt.content === contentIdOf(writeEnvelope(vote))
  const place = { chainId: cloister.network.chainId, ballots }
  if (!isOurs || !(await isReceiptOf(receipt, vote.id, place)))
    throw new CloisterError('bad-answer', `The hub at ${client.url} gave a receipt that is none.`, {
      hint: 'Hand the vote to another hub, or save it with --save.',
    })
  if (isOfNetwork(cloister, client)) checkHubKey(cloister.network, receipt, await timeOf(cloister))
  return receipt
}

/**
 * Votes by a transaction, with all the account has. Throws `no-wallet`, `no-power`, `reverted`.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * await votes.castOnChain(cloister, ballot, 1)
 * ```
 */
export async function castOnChain(cloister: Cloister, ballot: Ballot, choice: RawChoice): Promise<Hex> {
  const wallet = walletOf(cloister)
  readChoice(ballot.kind, ballot.choices.length, choice)
  const parts = bitsOf(await readPower(cloister.chain, wallet.account.address, ballot.powerTime))
  if (parts === 0) throw new CloisterError('no-power', 'The account has no power on this ballot.')
  return castVote(wallet, ballot.id, choiceBytes(choice), parts)
}

/** The machine's time, or the chain's where that is ahead (time is moved on test networks). Unix seconds. */
async function timeOf({ chain }: Cloister): Promise<number> {
  const { timestamp } = await chain.client.getBlock()
  return Math.max(Math.floor(Date.now() / 1000), Number(timestamp))
}
