import { ChainSource, planPost, postDue, type SignedVote } from '@cloister/ballots'
import { carryOutBallot, connectWallet, delegate, type Wallet } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { createCloister, votes, walletOf } from '@cloister/sdk'
import { type Address, encodeFunctionData, erc20Abi, type Hex, toHex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { Stage } from './voters.ts'

const CLOI = 10n ** 18n
const DAY = 86_400
/** The track of small payments out of the treasury. */
const SMALL = 1
/** Development accounts. */
const [PROVIDER, PROPOSER, POSTER] = [1, 7, 9]

/** What steps of a ballot took: gas of whole transactions, calldata included; of a batch, for each vote. */
export interface Steps {
  propose: bigint
  batches: Map<number, bigint>
  /** The same of votes with stake in one pool. */
  staked?: bigint
  transaction: bigint
  queue: bigint
  execute: bigint
}

/** How many votes are posted at once. */
export const BATCHES = [1, 10, 100]
/** Voters that it takes: one so that no tally begins at nothing, batches, and one by a transaction. */
export const VOTERS = 1 + BATCHES.reduce((sum, size) => sum + size, 0) + 1

/** A ballot on our contracts from the proposal to its call, a payment out of the Safe. */
export async function runOurs(
  stage: Stage,
  voters: readonly PrivateKeyAccount[],
  stakers: readonly PrivateKeyAccount[],
  payment: { to: Address; amount: bigint },
): Promise<Steps> {
  const { chain, gasOf, pass, token } = stage
  const { network } = chain
  const as = (account: PrivateKeyAccount) => createCloister({ network, account })
  const proposer = createCloister({ network, account: developmentAccount(network, PROPOSER) })
  const poster = createCloister({ network, account: developmentAccount(network, POSTER) })
  const call = {
    target: token,
    value: 0n,
    data: encodeFunctionData({
      abi: erc20Abi,
      functionName: 'transfer',
      args: [payment.to, payment.amount],
    }),
    announced: false,
  }
  const propose = (title: string, calls: (typeof call)[]) =>
    votes.propose(proposer, {
      track: SMALL,
      kind: 'basic',
      document: { title, body: '', choices: [] },
      calls,
    })
  // Whoever proposes for the first time has a counter written.
  await propose('A first one', [call])
  const { id, transaction } = await propose('Pay the audit', [call])
  const status = await votes.find(poster, id)
  await pass(60)

  const post = async (some: readonly PrivateKeyAccount[]): Promise<bigint> => {
    const signed: SignedVote[] = []
    for (const voter of some) signed.push(await votes.sign(as(voter), status.ballot, 1))
    const { due } = await planPost(poster.chain, new ChainSource(poster.chain), status.ballot, signed)
    for await (const { size, gasUsed, leftOut } of postDue(walletOf(poster), status.ballot, due)) {
      if (size !== some.length || leftOut.length > 0) throw new Error('the votes were not all counted')
      return gasUsed / BigInt(size)
    }
    throw new Error('nothing was posted')
  }
  let next = 0
  const take = (count: number) => voters.slice(next, (next += count))
  await post(take(1))
  const batches = new Map<number, bigint>()
  for (const size of BATCHES) batches.set(size, await post(take(size)))
  const staked = await post(stakers)
  const last = as(take(1)[0] as PrivateKeyAccount)
  const cast = await gasOf(await votes.castOnChain(last, status.ballot, 1))

  await pass(9 * DAY)
  const queue = await carryOutBallot(walletOf(poster), 'queue', id, [call])
  await pass(8 * DAY)
  const execute = await carryOutBallot(walletOf(poster), 'execute', id, [call])
  return {
    propose: await gasOf(transaction),
    batches,
    staked,
    transaction: cast,
    queue: await gasOf(queue),
    execute: await gasOf(execute),
  }
}

/** Stakes for each account, with one provider. */
export async function stakeEach(
  { chain }: Stage,
  stakers: readonly PrivateKeyAccount[],
  amount: bigint,
): Promise<void> {
  const provider = chain.wallet(PROVIDER).account.address
  await delegate(chain.wallet(PROVIDER), provider, 90_000n * CLOI)

  for (const staker of stakers) await delegate(connectWallet(chain.network, staker), provider, amount)
}

/** Gives accounts ether for gas. */
export async function fund(wallet: Wallet, accounts: readonly PrivateKeyAccount[]): Promise<void> {
  for (const { address } of accounts)
    await wallet.client.request({
      method: 'anvil_setBalance',
      params: [address, toHex(10n ** 18n)],
    } as never)
}

/** What the call takes by itself, without what any transaction takes. */
export async function gasOfCallAlone(stage: Stage, from: Wallet, to: Address, data: Hex): Promise<bigint> {
  const hash = await from.wallet.sendTransaction({ account: from.account, chain: null, to, data })
  await from.client.waitForTransactionReceipt({ hash })
  const bytes = [...data.slice(2).matchAll(/../g)].map(([byte]) => byte)
  const calldata = bytes.reduce((sum, byte) => sum + (byte === '00' ? 4n : 16n), 0n)
  return (await stage.gasOf(hash)) - 21_000n - calldata
}
