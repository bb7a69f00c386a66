import { readFileSync } from 'node:fs'
import { platformCertificates, withoutCertificates } from '@cloister/attest'
import { verdictToChain } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { bytesToHex, concat, encodeFunctionData, type Hex, hexToBytes, zeroHash } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  CLAIMS_ABI,
  claimRewards,
  closeLease,
  delegate,
  getPosition,
  MARKET_ABI,
  type Opening,
  openLease,
  openLeases,
  PLATFORMS_ABI,
  registerWorker,
  requestExit,
  settleLeases,
  signBid,
  topUpLease,
  type Wallet,
  WORKERS_ABI,
} from '../index.ts'
import type { Transaction } from './cost.ts'
import { fastLzLength } from './fast-lz.ts'
import { signedLength } from './testing/signed-length.ts'
import { claimOf, openManyOf, TRANSACTIONS } from './transactions.ts'

const VECTOR = new URL('../../../../../shared/vectors/tdx/tdx_quote', import.meta.url)

let chain: DevelopmentChain
let tenant: Wallet
let provider: Wallet

const rpc = <answer>(method: string, ...params: unknown[]) =>
  tenant.client.request({ method, params } as never) as Promise<answer>
const random = () => generatePrivateKey()

beforeAll(async () => {
  chain = await startDevelopmentChain()
  tenant = chain.wallet(4)
  provider = chain.wallet(1)
  for (const { account } of [tenant, provider]) await fundDevelopmentAccount(chain.wallet(0), account.address)
})
afterAll(() => chain?.stop())

describe('transactions whose cost is told beforehand', () => {
  let from = 0n

  /** What transactions that were sent since the last time really are, the last one first. */
  async function sent(): Promise<Transaction[]> {
    const found: Transaction[] = []
    const head = await tenant.client.getBlockNumber()
    for (let number = head; number > from; number--) {
      const { transactions } = await tenant.client.getBlock({ blockNumber: number })
      for (const hash of transactions) {
        const raw = await rpc<Hex>('eth_getRawTransactionByHash', hash)
        const { gasUsed } = await tenant.client.getTransactionReceipt({ hash })
        found.push({ gas: gasUsed, fastLzLength: fastLzLength(hexToBytes(raw)) })
      }
    }
    from = head
    return found
  }
  /** Lengths differ by what is random in them; gas by what was written before. */
  async function expectAsSent(expected: Transaction): Promise<void> {
    const [transaction] = await sent()
    if (!transaction) throw new Error('Nothing was sent.')
    expect(Math.abs(transaction.fastLzLength - expected.fastLzLength)).toBeLessThanOrEqual(
      8 + expected.fastLzLength / 25,
    )
    expect(Number(transaction.gas) / Number(expected.gas)).toBeGreaterThan(0.75)
    expect(Number(transaction.gas) / Number(expected.gas)).toBeLessThan(1.25)
  }

  async function opening(worker: PrivateKeyAccount, name: string): Promise<Opening> {
    const usdc = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? worker.address
    const now = Number((await tenant.client.getBlock()).timestamp)
    const bid = await signBid(chain.network, worker, {
      tenant: tenant.account.address,
      worker: worker.address,
      token: usdc,
      ratePerSecond: 1_234n,
      minimumDeposit: 1_000_000n,
      expiry: now + 600,
      room: 1n,
      noticeMinutes: 0,
      manifestHash: random(),
      order: random(),
      salt: BigInt(random()),
    })
    return { bid, deposit: 10_700_000n, name }
  }

  it('are as long, and take as much gas, as those that are sent', async () => {
    const worker = privateKeyToAccount(random())
    from = await tenant.client.getBlockNumber()
    await registerWorker(provider, worker, {
      cpuMilli: 2000,
      memoryMiB: 1024,
      diskMiB: 1024,
      gpus: 1,
      gpuClass: 'h100',
      endpoint: 'https://worker.example.com',
    })
    await expectAsSent(TRANSACTIONS.register)
    await coverWorker(provider, await chain.root.manufacture(), worker)
    const pool = provider.account.address
    for (const wallet of [provider, tenant]) await delegate(wallet, pool, 1_000n * 10n ** 18n)
    await expectAsSent(TRANSACTIONS.delegate)

    const first = await opening(worker, 'my-app')
    const { id } = await openLease(tenant, first.bid, first.deposit, first.name)
    await sent()
    const second = await opening(worker, 'my-app')
    await openLease(tenant, second.bid, second.deposit, second.name)
    await expectAsSent(TRANSACTIONS.open)
    await openLeases(tenant, [
      await opening(worker, 'app/0'),
      await opening(worker, 'app/1'),
      await opening(worker, 'app/2'),
    ])
    const [many] = await sent()
    const planned = openManyOf(3)
    // At the most: less where all are at one worker, as here.
    expect(many?.fastLzLength).toBeGreaterThan(0.8 * planned.fastLzLength)
    expect(many?.fastLzLength).toBeLessThanOrEqual(planned.fastLzLength)
    expect(many?.gas).toBeLessThanOrEqual(planned.gas)

    await rpc('evm_increaseTime', 1800)
    await settleLeases(provider, [id])
    await sent()
    await topUpLease(tenant, id, first.bid.token, 500_000n)
    await expectAsSent(TRANSACTIONS.topUp)
    await rpc('evm_increaseTime', 1800)
    await settleLeases(provider, [id])
    await expectAsSent(TRANSACTIONS.settle)
    await closeLease(tenant, id)
    await expectAsSent(TRANSACTIONS.close)
    const position = { provider: pool, account: tenant.account.address }
    await claimRewards(tenant, [position])
    await expectAsSent(TRANSACTIONS.claimReward)
    const { shares } = await getPosition(tenant, pool, tenant.account.address)
    await requestExit(tenant, pool, shares / 2n)
    await expectAsSent(TRANSACTIONS.requestExit)
  })

  it.each([1, 2, 3] as const)('are claims as long as those of a real tree (scheme %i)', (scheme) => {
    const isEcdsa = scheme === 3
    const leaf = { account: random(), amount: 123_456_789n * 10n ** 10n, vestsFrom: 0, vestsUntil: 0 }
    const halves = { x: random(), y: isEcdsa ? random() : zeroHash, r: random(), s: random() }
    const signature = { scheme, v: isEcdsa ? 1 : 0, ...halves }
    const proof = Array.from({ length: 14 }, random)
    const args = [leaf, 777n, proof, tenant.account.address, signature] as const
    const data = encodeFunctionData({ abi: CLAIMS_ABI, functionName: 'claim', args })
    expect(signedLength(data) / claimOf(scheme, 14).fastLzLength).toBeCloseTo(1, 1)
  })

  it('have quotes, certificates and verdicts as long as real ones', ({ skip }) => {
    let quote: Uint8Array
    try {
      quote = readFileSync(VECTOR)
    } catch {
      return skip('There is no real quote beside the project.')
    }
    const { pck, authority } = platformCertificates(quote)
    const someone = privateKeyToAccount(random()).address
    const signature = () => concat([random(), random(), '0x1b'])
    const gpuIds = [random(), random()]
    const block = { number: 123_456n, hash: random() }
    const verdict = verdictToChain({
      kind: 'nvidia-gpus',
      worker: someone,
      provider: provider.account.address,
      platform: random(),
      measurement: random(),
      tlsKeyHash: random(),
      gpuClass: 'h100',
      gpus: 2,
      gpuIds,
      block,
    })
    const data = {
      registerPlatform: encodeFunctionData({
        abi: PLATFORMS_ABI,
        functionName: 'registerPlatform',
        args: [bytesToHex(pck), bytesToHex(authority)],
      }),
      attest: encodeFunctionData({
        abi: WORKERS_ABI,
        functionName: 'attest',
        args: [someone, random(), block.number, random(), bytesToHex(withoutCertificates(quote))],
      }),
      confirmGpus: encodeFunctionData({
        abi: WORKERS_ABI,
        functionName: 'confirmGpus',
        args: [verdict, [signature(), signature()], signature(), gpuIds],
      }),
      settleMany50: encodeFunctionData({
        abi: MARKET_ABI,
        functionName: 'settleMany',
        args: [Array.from({ length: 50 }, random)],
      }),
    } as const
    for (const [name, bytes] of Object.entries(data)) {
      const expected = TRANSACTIONS[name as keyof typeof data].fastLzLength
      expect(Math.abs(signedLength(bytes) - expected) / expected, name).toBeLessThan(0.04)
    }
  })
})
