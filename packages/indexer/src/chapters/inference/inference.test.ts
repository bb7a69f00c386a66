import {
  anchorReceipts,
  announceWithdrawal,
  changeKey,
  claimVouchers,
  connectWallet,
  depositPurse,
  draw,
  endChannelWithdrawal,
  endOffer,
  findToken,
  getChannel,
  getKey,
  getPurse,
  offerModel,
  openLease,
  registerWorker,
  setKey,
  signBid,
  startChannelWithdrawal,
  vouchersContract,
  type Wallet,
  withdrawPurse,
} from '@cloister/chain'
import { IndexClient } from '@cloister/client'
import { type Channel, channelIdOf, drawTypedData, voucherTypedData } from '@cloister/core'
import { coverWorker } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestIndex, type TestIndex } from '../../testing.ts'

const HASH = `0x${'ab'.repeat(32)}` as const
const worker = privateKeyToAccount(generatePrivateKey())
const key = privateKeyToAccount(generatePrivateKey())

let index: TestIndex
let client: IndexClient
let provider: Wallet
let payer: Wallet
let token: Hex
let lease: Hex
let channel: Channel

beforeAll(async () => {
  index = await startTestIndex()
  client = new IndexClient(index.url)
  const { chain } = index
  ;[provider, payer] = [chain.wallet(1), chain.wallet(4)]
  token = findToken(chain.network, 'USDC').address
  for (const { account } of [provider, payer]) await fundDevelopmentAccount(chain.wallet(0), account.address)
  const description = { cpuMilli: 2000, memoryMiB: 1024, diskMiB: 1024, gpus: 0, gpuClass: '' }
  await registerWorker(provider, worker, { ...description, endpoint: 'http://127.0.0.1:1' })
  await coverWorker(provider, await chain.root.manufacture(), worker)
  const bid = await signBid(chain.network, worker, {
    tenant: provider.account.address,
    worker: worker.address,
    token,
    ratePerSecond: 1n,
    minimumDeposit: 0n,
    expiry: Number((await payer.client.getBlock()).timestamp) + 600,
    room: 1n,
    noticeMinutes: 0,
    manifestHash: HASH,
    order: HASH,
    salt: 1n,
  })
  lease = (await openLease(provider, bid, 1_000_000n)).id
  channel = {
    payer: payer.account.address,
    payerAuthorizer: key.address,
    receiver: provider.account.address,
    receiverAuthorizer: provider.account.address,
    token,
    withdrawDelay: 900,
    salt: lease,
  }
})
afterAll(() => index?.stop())

const idOf = (of: Channel) =>
  channelIdOf(of, index.chain.network.chainId, vouchersContract(index.chain).address)
const drawTo = async (totalDrawn: bigint) => {
  const { chainId } = index.chain.network
  const { address } = vouchersContract(index.chain)
  const typed = drawTypedData({ channelId: idOf(channel), totalDrawn }, chainId, address)
  await draw(payer, [{ channel, totalDrawn, signature: await key.signTypedData(typed) }])
}
const claim = async (totalClaimed: bigint) => {
  const { chainId } = index.chain.network
  const { address } = vouchersContract(index.chain)
  const voucher = { channelId: idOf(channel), maxClaimableAmount: totalClaimed }
  const signature = await key.signTypedData(voucherTypedData(voucher, chainId, address))
  await claimVouchers(provider, [{ channel, maxClaimableAmount: totalClaimed, signature, totalClaimed }])
}
const pass = async (seconds: number) => {
  await index.rpc('evm_increaseTime', seconds)
  await index.rpc('evm_mine')
}

test('offers stand until they are replaced, ended, or their lease is over', async () => {
  const terms = { token, payee: provider.account.address, input: 1_000n, cached: 500n, output: 4_000n }
  // As long as options may be.
  const options = JSON.stringify({ of: 'é'.repeat(4_000) })
  const first = await offerModel(provider, { lease, terms, model: 'tiny', options })
  await index.synced()
  expect(await client.offer(first)).toMatchObject({
    offer: first,
    lease,
    tenant: provider.account.address,
    worker: worker.address,
    manifestHash: HASH,
    model: 'tiny',
    options,
    input: '1000',
    cached: '500',
    output: '4000',
    open: true,
  })
  const second = await offerModel(provider, { lease, terms, model: 'other', options: '{}' })
  await index.synced()
  const idsOf = async (query: Parameters<IndexClient['offers']>[0]) =>
    (await client.offers(query)).items.map(({ offer }) => offer)
  expect(await idsOf({})).toEqual([second, first])
  expect(await idsOf({ open: true })).toEqual([second])
  expect(await idsOf({ open: false })).toEqual([first])
  expect(await idsOf({ model: 'tiny' })).toEqual([first])
  expect(await idsOf({ lease: HASH })).toEqual([])
  expect(await client.offer(first)).toMatchObject({ open: false, endedAt: expect.any(Number) })
  await expect(client.offer(HASH)).rejects.toMatchObject({ code: 'not-found' })
  const snapshot = await index.rpc('evm_snapshot')
  await endOffer(provider, lease)
  await index.synced()
  expect(await idsOf({ open: true })).toEqual([])
  await index.rpc('evm_revert', snapshot)
  await index.rpc('evm_mine')
  await index.synced()
  expect(await idsOf({ open: true })).toEqual([second])
})

test('purses, keys and channels have what the chain says, also once the chain went another way', async () => {
  const same = async () => {
    await index.synced()
    const [found, onChain] = [await client.channel(idOf(channel)), await getChannel(payer, idOf(channel))]
    expect(BigInt(found.drawn) + BigInt(found.filled) - BigInt(found.returned)).toBe(onChain.balance)
    expect(BigInt(found.claimed)).toBe(onChain.totalClaimed)
    expect(BigInt(found.drawn)).toBe(onChain.totalDrawn)
    expect(found.leaving !== undefined).toBe(onChain.leaving !== undefined)
    const [purse] = await client.purses(payer.account.address)
    const { balance, leavesAt } = await getPurse(payer, payer.account.address, token)
    expect(purse?.balance).toBe(String(balance))
    expect(purse?.leaving?.at).toBe(leavesAt)
    const keyOnChain = await getKey(payer, key.address)
    expect(await client.sessionKey(key.address)).toMatchObject({
      payer: payer.account.address,
      cap: String(keyOnChain?.cap),
      drawn: String(keyOnChain?.drawn),
      until: keyOnChain?.until,
    })
    return found
  }
  await depositPurse(payer, token, 10_000n)
  await setKey(payer, key, { token, cap: 6_000n, until: 2 ** 47 })
  await drawTo(2_000n)
  await claim(500n)
  expect(await same()).toMatchObject({ ...channel, claimed: '500', fee: '25' })
  const snapshot = await index.rpc('evm_snapshot')
  await drawTo(4_000n)
  await startChannelWithdrawal(payer, channel, 1_000n)
  await announceWithdrawal(payer, token, 300n)
  await changeKey(payer, key.address, { cap: 5n })
  expect((await same()).leaving?.amount).toBe('1000')
  await pass(900)
  await endChannelWithdrawal(payer, channel)
  await withdrawPurse(payer, token, payer.account.address)
  expect(await same()).toMatchObject({ returned: '1000' })
  await index.rpc('evm_revert', snapshot)
  await index.rpc('evm_mine')
  await claim(700n)
  expect(await same()).toMatchObject({ drawn: '2000', claimed: '700', returned: '0' })
  expect((await client.channels({ payer: payer.account.address })).items).toHaveLength(1)
  expect((await client.channels({ receiver: payer.account.address })).items).toHaveLength(0)
  expect(await client.sessionKeys(payer.account.address)).toHaveLength(1)
  await expect(client.sessionKey(worker.address)).rejects.toMatchObject({ code: 'not-found' })
})

test('anchored batches are listed by lease and by worker', async () => {
  const own = connectWallet(index.chain.network, worker)
  const era = 2n ** 64n - 1n
  for (const count of [1n, 2n]) await anchorReceipts(own, { lease, era, count, root: HASH })
  await index.synced()
  const { items } = await client.anchors({ lease })
  expect(items.map((item) => [item.era, item.index, item.count, item.root])).toEqual([
    [String(era), '1', '2', HASH],
    [String(era), '0', '1', HASH],
  ])
  expect((await client.anchors({ worker: provider.account.address })).items).toEqual([])
})
