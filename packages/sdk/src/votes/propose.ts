import { type Document, KINDS, type Kind, publishDocument } from '@cloister/ballots'
import {
  type BallotCall,
  getBallotPlaces,
  getProposingPower,
  getTrack,
  proposeBallot,
  send,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Address, erc20Abi, type Hex, zeroAddress } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { hubOf } from './find.ts'

/** What is proposed. */
export interface ProposeParameters {
  track: number
  kind: Kind
  document: Document
  /** Of basic ballots only. */
  calls?: BallotCall[]
  /** Of elections: the council, and who stands for it, one a choice. */
  election?: { body: Address; candidates: Address[] }
}

/** A ballot that was proposed. `isPublished`: its text is where its URI says. */
export interface Proposed {
  id: Hex
  transaction: Hex
  isPublished: boolean
}

/**
 * Proposes a ballot: approves the track's bond, proposes, and publishes a text that is too long for the
 * chain.
 * Throws `no-wallet`, `no-power` and `no-money` with what is needed, `reverted`.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const document = { title: 'Who audits?', body: 'See the forum.', choices: ['Oak', 'Elm'] }
 * const { id } = await votes.propose(cloister, { track: 0, kind: 'single-choice', document })
 * ```
 */
export async function propose(cloister: Cloister, parameters: ProposeParameters): Promise<Proposed> {
  const { chain } = cloister
  const wallet = walletOf(cloister)
  const { track, kind, document, calls = [], election } = parameters
  const { json, uri, contentHash } = publishDocument(document)
  const { bond } = await checkMeans(cloister, track)
  const { token, ballots } = await getBallotPlaces(chain)
  const owner = wallet.account.address
  const erc20 = { address: token, abi: erc20Abi } as const
  const allowance = await chain.client.readContract({
    ...erc20,
    functionName: 'allowance',
    args: [owner, ballots],
  })
  if (allowance < bond) await send(wallet, { ...erc20, functionName: 'approve', args: [ballots, bond] })
  const { id, transaction } = await proposeBallot(wallet, {
    track,
    kind: KINDS.indexOf(kind),
    choices: kind === 'basic' ? 3 : document.choices.length,
    body: election?.body ?? zeroAddress,
    candidates: election?.candidates ?? [],
    calls,
    uri,
    contentHash,
  })
  if (uri.startsWith('data:')) return { id, transaction, isPublished: true }
  const isPublished = await publish(cloister, json).then(
    () => true,
    (error) => {
      if (error instanceof CloisterError) return false
      throw error
    },
  )
  return { id, transaction, isPublished }
}

/**
 * Publishes a ballot's text at a hub, the network's if none is named.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * await votes.publish(cloister, JSON.stringify({ title: 'Who audits?', body: '', choices: ['Oak', 'Elm'] }))
 * ```
 */
export async function publish(cloister: Cloister, json: string, hub?: string): Promise<void> {
  await hubOf(cloister, hub).publish(json)
}

/** What a track asks of who proposes. Throws `no-power`, `no-money` where the account hasn't got it. */
async function checkMeans(cloister: Cloister, track: number) {
  const { chain } = cloister
  const { address } = walletOf(cloister).account
  const rules = await getTrack(chain, track)
  const { timestamp } = await chain.client.getBlock()
  const { token } = await getBallotPlaces(chain)
  const [found, balance] = await Promise.all([
    getProposingPower(chain, address, Number(timestamp) - 1),
    chain.client.readContract({ address: token, abi: erc20Abi, functionName: 'balanceOf', args: [address] }),
  ])
  const details = { needed: rules.minPower, found, bond: rules.bond, balance }
  if (found < rules.minPower)
    throw new CloisterError('no-power', 'The account has too little power to propose on this track.', {
      hint: 'Power is staked CLOI, and liquid CLOI that was registered to vote, before the last second.',
      details,
    })
  if (balance < rules.bond)
    throw new CloisterError('no-money', 'The account has too little CLOI for the bond of this track.', {
      details,
    })
  return rules
}
