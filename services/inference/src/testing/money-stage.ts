// A chain with a worker, its lease and somebody who pays: what tests of money begin with.
import {
  type Chain,
  connectWallet,
  depositPurse,
  findToken,
  offerModel,
  openLease,
  registerWorker,
  setKey,
  signBid,
  type Wallet,
  X402_CHANNELS,
} from '@cloister/chain'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { encodeApiKey } from '../protocol/api-key.ts'
import { FakeAgent } from './fake-agent.ts'

const FOREVER = 2 ** 47
const MANIFEST: Hex = `0x${'ab'.repeat(32)}`

/** A network on which a model is offered and paid. */
export interface MoneyStage {
  chain: DevelopmentChain
  /** Reads the chain. */
  reader: Chain
  usdc: Address
  lease: Hex
  /** Has the lease, offers, and is paid. */
  tenant: Wallet
  /** Has money in its purse. */
  payer: Wallet
  /** An agent that sends what it is given, as the lease's worker. */
  agent: FakeAgent
  /** That worker's. */
  workerKey: Hex
  /** Offers at prices per million tokens, in base units. */
  offer(prices: { input: bigint; cached: bigint; output: bigint }): Promise<Hex>
  /** Makes a session key of the payer's. Returns what clients send. */
  key(cap: bigint): Promise<{ apiKey: string; account: PrivateKeyAccount }>
  stop(): Promise<void>
}

/** Sends what a door hands its worker, as that worker. */
export function sendAs({ network, wallet, client }: Wallet): FakeAgent['sender'] {
  return async (contract, data) => {
    const to = contract === 'x402' ? X402_CHANNELS : network.contracts[contract]
    if (!to) throw new Error(`no ${contract}`)
    const hash = await wallet.sendTransaction({ to, data })
    const { status } = await client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error('it reverted')
    return hash
  }
}

/** Starts a chain of its own, with `purse` base units in the payer's purse. */
export async function startMoneyStage(purse = 1_000_000n): Promise<MoneyStage> {
  const chain = await startDevelopmentChain()
  const platform = await chain.root.manufacture()
  const tenant = chain.wallet(1)
  const payer = chain.wallet(4)
  const usdc = findToken(chain.network, 'USDC').address
  for (const { account } of [payer, tenant]) await fundDevelopmentAccount(chain.wallet(0), account.address)
  const workerKey = generatePrivateKey()
  const worker = privateKeyToAccount(workerKey)
  const description = { cpuMilli: 2000, memoryMiB: 1024, diskMiB: 1024, gpus: 0, gpuClass: '' }
  await registerWorker(tenant, worker, { ...description, endpoint: 'http://127.0.0.1:1' })
  await coverWorker(tenant, platform, worker)
  const now = Number((await payer.client.getBlock()).timestamp)
  const bid = await signBid(chain.network, worker, {
    tenant: tenant.account.address,
    worker: worker.address,
    token: usdc,
    ratePerSecond: 1n,
    minimumDeposit: 0n,
    expiry: now + 600,
    room: 1n,
    noticeMinutes: 0,
    manifestHash: MANIFEST,
    order: MANIFEST,
    salt: 1n,
  })
  const lease = (await openLease(tenant, bid, 1_000_000n)).id
  if (purse > 0n) await depositPurse(payer, usdc, purse)
  const agent = new FakeAgent(chain.network, { lease, manifestHash: MANIFEST }, worker)
  await payer.client.request({
    method: 'anvil_setBalance' as never,
    params: [worker.address, '0xde0b6b3a7640000'] as never,
  })
  agent.sender = sendAs(connectWallet(chain.network, worker))
  return {
    chain,
    reader: payer,
    usdc,
    lease,
    tenant,
    payer,
    agent,
    workerKey,
    offer: (prices) =>
      offerModel(tenant, {
        lease,
        terms: { token: usdc, payee: tenant.account.address, ...prices },
        model: 'tiny',
        options: '{}',
      }),
    async key(cap) {
      const privateKey = generatePrivateKey()
      const account = privateKeyToAccount(privateKey)
      await setKey(payer, account, { token: usdc, cap, until: FOREVER })
      return { apiKey: encodeApiKey(privateKey), account }
    },
    stop: () => chain.stop(),
  }
}
