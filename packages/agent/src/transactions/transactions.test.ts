import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  changeKey,
  connectWallet,
  depositPurse,
  encodeAnchor,
  encodeDraws,
  encodeSweep,
  encodeX402Deposit,
  encodeX402Settle,
  findToken,
  getChannel,
  getReceiptsRoot,
  MARKET_ABI,
  openLease,
  registerWorker,
  setKey,
  signBid,
  VOUCHERS_ABI,
  vouchersContract,
  type Wallet,
  X402_COLLECTOR,
} from '@cloister/chain'
import { type Channel, channelIdOf, drawTypedData } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { encodeFunctionData, type Hex, parseEther, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Sequence } from '../sequence.ts'
import { Store } from '../store.ts'
import { WorkloadTransactions } from './workload-transactions.ts'

const HASH = `0x${'ab'.repeat(32)}` as const
const key = privateKeyToAccount(generatePrivateKey())
const session = privateKeyToAccount(generatePrivateKey())
const LIMITS = { perLease: 2_000_000, perDay: 3_000_000 }

describe('transactions of a workload', () => {
  const folder = mkdtempSync(join(tmpdir(), 'workload-transactions-'))
  const store = new Store(join(folder, 'worker.db'))
  const { era } = store.receipts
  let chain: DevelopmentChain
  let payer: Wallet
  let worker: Wallet
  let lease: Hex
  let channel: Channel

  const sending = (limits = LIMITS, wallet = worker) =>
    new WorkloadTransactions({
      wallet,
      sequence: new Sequence(),
      budget: store.workloadGas,
      limits,
      era,
    })
  const drawTo = async (totalDrawn: bigint) => {
    const { chainId } = chain.network
    const { address } = vouchersContract(chain)
    const channelId = channelIdOf(channel, chainId, address)
    const signature = await session.signTypedData(drawTypedData({ channelId, totalDrawn }, chainId, address))
    return { channelId, data: encodeDraws([{ channel, totalDrawn, signature }]) }
  }

  beforeAll(async () => {
    chain = await startDevelopmentChain()
    const provider = chain.wallet(1)
    payer = chain.wallet(4)
    worker = connectWallet(chain.network, key)
    const token = findToken(chain.network, 'USDC').address
    await fundDevelopmentAccount(chain.wallet(0), payer.account.address)
    const description = { cpuMilli: 2000, memoryMiB: 1024, diskMiB: 1024, gpus: 0, gpuClass: '' }
    await registerWorker(provider, key, { ...description, endpoint: 'http://127.0.0.1:1' })
    await coverWorker(provider, await chain.root.manufacture(), key)
    const hash = await provider.wallet.sendTransaction({ to: key.address, value: parseEther('1') })
    await provider.client.waitForTransactionReceipt({ hash })
    const bid = await signBid(chain.network, key, {
      tenant: payer.account.address,
      worker: key.address,
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
    lease = (await openLease(payer, bid, 100_000n)).id
    channel = {
      payer: payer.account.address,
      payerAuthorizer: session.address,
      receiver: provider.account.address,
      receiverAuthorizer: provider.account.address,
      token,
      withdrawDelay: 900,
      salt: lease,
    }
    await depositPurse(payer, token, 10_000n)
    await setKey(payer, session, { token, cap: 10_000n, until: 2 ** 47 })
  })
  afterAll(async () => {
    store.close()
    rmSync(folder, { recursive: true })
    await chain.stop()
  })

  it('are sent by the worker’s account, and are in a block then', async () => {
    const { channelId, data } = await drawTo(500n)
    const hash = await sending().send(lease, { contract: 'vouchers', data })
    expect(await payer.client.getTransactionReceipt({ hash })).toMatchObject({ status: 'success' })
    expect(await getChannel(payer, channelId)).toMatchObject({ balance: 500n })
    const anchor = encodeAnchor({ lease, era, count: 3n, root: HASH })
    await sending().send(lease, { contract: 'receipts', data: anchor })
    expect(await getReceiptsRoot(payer, lease, era, 0)).toBe(HASH)
  })

  it('anchor receipts of the lease that asks alone, in the era of the worker’s store', async () => {
    for (const batch of [
      { lease: HASH, era },
      { lease, era: era ^ 1n },
    ]) {
      const data = encodeAnchor({ ...batch, count: 3n, root: HASH })
      await expect(sending().send(lease, { contract: 'receipts', data })).rejects.toMatchObject({
        code: 'forbidden',
      })
    }
  })

  it('are no other calls, nor calls with something before or behind them', async () => {
    const { data } = await drawTo(600n)
    const token = channel.token
    const withdraw = encodeFunctionData({
      abi: MARKET_ABI,
      functionName: 'withdraw',
      args: [token, payer.account.address],
    })
    const setToken = encodeFunctionData({
      abi: VOUCHERS_ABI,
      functionName: 'withdrawPurse',
      args: [token, payer.account.address],
    })
    const anchor = encodeAnchor({ lease, era, count: 3n, root: HASH })
    const wrong: Hex[] = [withdraw, setToken, `${data}00`, data.slice(0, -2) as Hex, '0x12', anchor]
    for (const bytes of wrong)
      await expect(sending().send(lease, { contract: 'vouchers', data: bytes })).rejects.toMatchObject({
        code: 'forbidden',
      })
    // Whatever brings a deposit in runs at the worker's cost.
    const deposit = { channel, amount: 1n, validAfter: 0n, validBefore: 1n, salt: 1n, signature: HASH }
    const foreign = encodeX402Deposit(deposit).replace(
      X402_COLLECTOR.slice(2).toLowerCase(),
      payer.account.address.slice(2).toLowerCase(),
    ) as Hex
    await expect(sending().send(lease, { contract: 'x402', data: foreign })).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('collector'),
    })
    // And so would a token of anybody's own.
    const evil = { ...deposit, channel: { ...channel, token: payer.account.address } }
    for (const bytes of [encodeX402Deposit(evil), encodeX402Settle(channel.receiver, payer.account.address)])
      await expect(sending().send(lease, { contract: 'x402', data: bytes })).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining('tokens'),
      })
    const nonce = () => payer.client.getTransactionCount({ address: key.address })
    const before = await nonce()
    await expect(sending().send(lease, { contract: 'receipts', data })).rejects.toMatchObject({
      code: 'forbidden',
    })
    expect(await nonce()).toBe(before)
  })

  it('of x402’s contract bring deposits in, and pass on what has arrived for payees', async () => {
    const deposit = { channel, amount: 1n, validAfter: 0n, validBefore: 1n, salt: 1n, signature: HASH }
    // Nobody signed, claimed or sent anything; but the contracts were asked.
    for (const [contract, data] of [
      ['x402', encodeX402Deposit(deposit)],
      ['x402', encodeX402Settle(channel.receiver, channel.token)],
      ['receivers', encodeSweep(channel.receiver, channel.token)],
    ] as const)
      await expect(sending().send(lease, { contract, data })).rejects.toMatchObject({ code: 'reverted' })
  })

  it('that would be reverted are not sent, and say why', async () => {
    const before = await payer.client.getTransactionCount({ address: key.address })
    const data = encodeFunctionData({
      abi: VOUCHERS_ABI,
      functionName: 'draw',
      args: [channel, 600n, zeroHash],
    })
    await expect(sending().send(lease, { contract: 'vouchers', data })).rejects.toMatchObject({
      code: 'reverted',
      details: { error: 'NothingDrawn' },
    })
    expect(await payer.client.getTransactionCount({ address: key.address })).toBe(before)
  })

  it('come one after the other', async () => {
    const transactions = sending()
    const { data } = await drawTo(700n)
    const first = transactions.send(lease, { contract: 'vouchers', data })
    await expect(transactions.send(lease, { contract: 'vouchers', data })).rejects.toMatchObject({
      code: 'too-busy',
    })
    await first
    await transactions.send(lease, { contract: 'vouchers', data })
  })

  it('end where a lease’s gas, or everybody’s, is used up, also for a worker that was started again', async () => {
    const { data } = await drawTo(800n)
    const small = { perLease: 10_000, perDay: 3_000_000 }
    await expect(sending(small).send(lease, { contract: 'vouchers', data })).rejects.toMatchObject({
      code: 'too-many',
    })
    const day = Date.UTC(2100, 0, 1)
    const again = () => new Store(join(folder, 'budget.db'))
    const first = again()
    first.workloadGas.take(HASH, 1_500_000, LIMITS, { now: day })
    first.workloadGas.giveBack(HASH, 500_000, { now: day })
    first.close()
    const second = again()
    expect(() => second.workloadGas.take(HASH, 1_000_001, LIMITS, { now: day })).toThrow(/2000000 gas a day/)
    second.workloadGas.take(zeroHash, 2_000_000, LIMITS, { now: day })
    expect(() => second.workloadGas.take(HASH, 1, LIMITS, { now: day })).toThrow(/1\.$/)
    second.workloadGas.take(HASH, 2_000_000, LIMITS, { now: day + 86_400_000 })
    second.close()
  })

  it('that strangers bring about take half of a lease’s gas, so that the rest is there for what it earned', () => {
    const own = new Store(join(folder, 'strangers.db'))
    const now = Date.UTC(2100, 0, 1)
    const take = (gas: number, isOfStrangers: boolean) =>
      own.workloadGas.take(HASH, gas, LIMITS, { isOfStrangers, now })
    take(900_000, true)
    expect(() => take(100_001, true)).toThrow(/no more payments/)
    own.workloadGas.giveBack(HASH, 400_000, { isOfStrangers: true, now })
    take(500_000, true)
    take(1_000_000, false)
    expect(() => take(1, false)).toThrow(/gas a day/)
    own.close()
  })

  it('leave the worker the ether that its own need', async () => {
    const poor = connectWallet(chain.network, privateKeyToAccount(generatePrivateKey()))
    const { data } = await drawTo(900n)
    await expect(sending(LIMITS, poor).send(lease, { contract: 'vouchers', data })).rejects.toMatchObject({
      code: 'no-gas',
    })
    await changeKey(payer, session.address, { cap: 0n })
  })
})
