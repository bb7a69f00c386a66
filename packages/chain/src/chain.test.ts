import {
  type Bid,
  bidToJson,
  bodyHash,
  type CloisterError,
  claimTypedData,
  consentTypedData,
  isReceiptSigned,
  leaseIdOf,
  receiptTypedData,
  requestTypedData,
  roomOf,
  type SignedBid,
  verdictToChain,
  verdictTypedData,
  type WorkerVerdict,
} from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { DevelopmentPlatform } from '@cloister/development/root'
import { bytesToHex, type Hex, hashTypedData, parseEventLogs } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  closeLease,
  delegate,
  getAccrued,
  getBilling,
  getCredit,
  getLease,
  getPool,
  getTokenBalance,
  getWorker,
  isSignedBy,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  nameOfLease,
  openLease,
  openLeases,
  refuseLease,
  registerWorker,
  reportContradiction,
  reportRefusal,
  SLASHING_ABI,
  settleLeases,
  signBid,
  signReceipt,
  topUpLease,
  updateLease,
  type Wallet,
  WORKERS_ABI,
  withdrawCredit,
} from './index.ts'

const HASH = `0x${'ab'.repeat(32)}` as const
const key = privateKeyToAccount(generatePrivateKey())

describe('the chain', () => {
  let chain: DevelopmentChain
  let platform: DevelopmentPlatform
  let provider: Wallet
  let tenant: Wallet
  let usdc: `0x${string}`
  let salt = 0n

  const bidFor = async (changes: Partial<Bid> = {}): Promise<SignedBid> => {
    const now = Number((await tenant.client.getBlock()).timestamp)
    const bid: Bid = {
      tenant: tenant.account.address,
      worker: key.address,
      token: usdc,
      ratePerSecond: 10n,
      minimumDeposit: 0n,
      expiry: now + 600,
      room: 1n,
      noticeMinutes: 0,
      manifestHash: HASH,
      order: HASH,
      salt: salt++,
      ...changes,
    }
    return signBid(chain.network, key, bid)
  }
  const pass = async (seconds: number) => {
    await tenant.client.request({ method: 'evm_increaseTime' as never, params: [seconds] as never })
    await tenant.client.request({ method: 'evm_mine' as never, params: [] as never })
  }

  beforeAll(async () => {
    chain = await startDevelopmentChain()
    platform = await chain.root.manufacture()
    provider = chain.wallet(1)
    tenant = chain.wallet(4)
    usdc = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? HASH
    await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
  })
  afterAll(() => chain.stop())

  it('registers a worker with its key’s consent, and covers it by a quote', async () => {
    const description = {
      cpuMilli: 2000,
      memoryMiB: 1024,
      diskMiB: 1024,
      gpus: 1,
      gpuClass: 'h100',
      endpoint: 'http://127.0.0.1:1',
    }
    await registerWorker(provider, key, description)
    expect(await getWorker(tenant, key.address)).toMatchObject({
      provider: provider.account.address,
      retired: false,
      description,
    })
    expect(await getWorker(tenant, tenant.account.address)).toBeUndefined()
    await coverWorker(provider, platform, key)
    const { until } = await getBilling(tenant, key.address)
    expect(until).toBe((await tenant.client.getBlock()).timestamp + 3600n)
  })

  it('opens a lease in one transaction, id known beforehand, and bills covered seconds exactly', async () => {
    const before = await getTokenBalance(tenant, usdc, tenant.account.address)
    const bid = await bidFor()
    const { id, receipt } = await openLease(tenant, bid, 1_000_000n, 'my-app')
    expect(id).toBe(leaseIdOf(bid, chain.network.chainId, chain.network.contracts.market))
    expect(await getTokenBalance(tenant, usdc, tenant.account.address)).toBe(before - 1_000_000n)
    const opened = (await tenant.client.getBlock({ blockNumber: receipt.blockNumber })).timestamp
    await pass(100)
    expect(await getAccrued(tenant, id)).toBe(((await tenant.client.getBlock()).timestamp - opened) * 10n)
    await settleLeases(chain.wallet(7), [id])
    await topUpLease(tenant, id, usdc, 500n)
    await updateLease(tenant, id, `0x${'cd'.repeat(32)}`)
    const closing = await closeLease(tenant, id)
    const closed = await getLease(tenant, id)
    const seconds = (await tenant.client.getBlock({ blockNumber: closing.blockNumber })).timestamp - opened
    expect(closed).toMatchObject({ state: 'closed', spent: seconds * 10n })
    expect(
      parseEventLogs({ abi: MARKET_ABI, eventName: 'LeaseClosed', logs: closing.logs })[0]?.args.refund,
    ).toBe(1_000_500n - seconds * 10n)
    const earned = await getCredit(provider, provider.account.address, usdc)
    // 20% of every settlement, rounded; nothing is lost between the two.
    expect(earned).toBeGreaterThanOrEqual((seconds * 10n * 8n) / 10n - 2n)
    await withdrawCredit(provider, usdc, provider.account.address)
    expect(await getTokenBalance(provider, usdc, provider.account.address)).toBe(earned)
  })

  it('opens several leases with one transaction and one permit, or none of them', async () => {
    const bids = [await bidFor(), await bidFor()] as const
    const before = await getTokenBalance(tenant, usdc, tenant.account.address)
    const openings = bids.map((bid, replica) => ({ bid, deposit: 5_000n, name: `app/${replica}` }))
    const { transactionHash } = await openLeases(tenant, openings)
    expect(before - (await getTokenBalance(tenant, usdc, tenant.account.address))).toBe(10_000n)
    const ids = bids.map((bid) => leaseIdOf(bid, chain.network.chainId, chain.network.contracts.market))
    const names = await Promise.all(ids.map((id) => nameOfLease(tenant, id, transactionHash)))
    expect(names).toEqual(['app-0', 'app-1'])
    const again = [{ bid: await bidFor(), deposit: 5_000n }, ...openings]
    await expect(openLeases(tenant, again)).rejects.toMatchObject({ details: { error: 'BidTaken' } })
    for (const id of ids) await closeLease(tenant, id)
  })

  it('lets a worker turn a lease down at no cost', async () => {
    const { id } = await openLease(tenant, await bidFor(), 5_000n)
    await refuseLease(provider, id)
    expect(await getCredit(tenant, tenant.account.address, usdc)).toBe(5_000n)
    await withdrawCredit(tenant, usdc, tenant.account.address)
  })

  it('lets nobody take more bids than a worker has room for', async () => {
    const half = roomOf(
      { cpuMilli: 500, memoryMiB: 1, diskMiB: 1, gpus: 0 },
      { cpuMilli: 1_000, memoryMiB: 1_000, diskMiB: 1_000, gpus: 0 },
    )
    const bids = [
      await bidFor({ room: half }),
      await bidFor({ room: half }),
      await bidFor({ room: half }),
    ] as const
    const opened = [
      await openLease(tenant, bids[0], 1_000n),
      await openLease(tenant, bids[1], 1_000n),
    ] as const
    await expect(openLease(tenant, bids[2], 1_000n)).rejects.toMatchObject({
      code: 'reverted',
      details: { error: 'NoRoom' },
    })
    await closeLease(tenant, opened[0].id)
    const third = await openLease(tenant, bids[2], 1_000n)
    for (const { id } of [opened[1], third]) await closeLease(tenant, id)
  })

  it('says why of two that took the last room in one block one came too late', async () => {
    const other = chain.wallet(5)
    await fundDevelopmentAccount(chain.wallet(0), other.account.address)
    const rpc = (method: string, ...params: unknown[]) =>
      tenant.client.request({ method, params } as never) as Promise<{ pending: string }>
    await rpc('evm_setAutomine', false)
    const racing = [tenant, other].map(async (wallet) =>
      openLease(wallet, await bidFor({ tenant: wallet.account.address, room: 0xffffn }), 1_000n).then(
        ({ id }) => ({ close: () => closeLease(wallet, id) }),
        (error: CloisterError) => ({ refusal: error.details['error'] }),
      ),
    )
    // Both were simulated, and both went out.
    await vi.waitFor(async () => expect(Number((await rpc('txpool_status')).pending)).toBe(2))
    await rpc('evm_mine')
    await rpc('evm_setAutomine', true)
    const outcomes = await Promise.all(racing)
    expect(outcomes).toContainEqual({ refusal: 'NoRoom' })
    const opened = outcomes.filter((outcome) => 'close' in outcome)
    expect(opened).toHaveLength(1)
    await opened[0]?.close()
  })

  it('costs a provider stake to refuse what was bid, or to bid twice under one salt, as anybody may prove', async () => {
    const stake = 10n ** 21n
    const owner = provider.account.address
    await delegate(provider, owner, stake)
    const reporter = chain.wallet(6)
    const { id } = await openLease(tenant, await bidFor(), 5_000n)
    await expect(reportRefusal(reporter, id)).rejects.toMatchObject({ details: { error: 'NotRefused' } })
    await refuseLease(provider, id)
    expect((await getLease(tenant, id)).state).toBe('refused')
    expect(await reportRefusal(reporter, id)).toMatchObject({
      taken: stake / 1_000n,
      reward: stake / 10_000n,
    })

    const [one, two] = [await bidFor({ salt: 9n }), await bidFor({ salt: 9n, ratePerSecond: 11n })].map(
      (bid) => JSON.parse(JSON.stringify(bidToJson(bid))),
    )
    await expect(reportContradiction(reporter, one, { ...two, worker: 7 })).rejects.toMatchObject({
      code: 'bad-report',
    })
    await expect(reportContradiction(reporter, one, one)).rejects.toMatchObject({
      details: { error: 'NoContradiction' },
    })
    await expect(reportContradiction(reporter, one, { ...two, ratePerSecond: '12' })).rejects.toMatchObject({
      details: { error: 'NotSignedByWorker' },
    })
    const { assets } = await getPool(tenant, owner)
    expect((await reportContradiction(reporter, one, two)).taken).toBe(assets / 100n)
    await expect(reportContradiction(reporter, two, one)).rejects.toMatchObject({
      details: { error: 'KnownAlready' },
    })
  })

  it('hashes what is signed as the contracts do', async () => {
    const { chainId, contracts } = chain.network
    const { market, workers, keyService, slashing } = contracts
    const { signature: _, ...bid } = await bidFor()
    const seat = { seat: 2, lease: HASH, manifestHash: HASH, expiry: 7 }
    const verdict: WorkerVerdict = {
      kind: 'nvidia-gpus',
      worker: key.address,
      provider: tenant.account.address,
      platform: HASH,
      measurement: HASH,
      tlsKeyHash: HASH,
      gpuClass: 'h100',
      gpus: 8,
      gpuIds: [HASH],
      block: { number: 9n, hash: HASH },
    }
    const said = [verdictToChain(verdict)] as const
    const onWorkers = { address: workers, abi: WORKERS_ABI } as const
    const read = tenant.client.readContract
    expect(
      await Promise.all([
        read({ address: market, abi: MARKET_ABI, functionName: 'bidDigest', args: [bid] }),
        read({ ...onWorkers, functionName: 'verdictDigest', args: said }),
        read({ ...onWorkers, functionName: 'claimDigest', args: said }),
        read({
          address: keyService,
          abi: KEY_SERVICE_ABI,
          functionName: 'consentDigest',
          args: [2n, HASH, HASH, 7n],
        }),
      ]),
    ).toEqual([
      leaseIdOf(bid, chainId, market),
      hashTypedData(verdictTypedData(verdict, chainId, workers)),
      hashTypedData(claimTypedData(verdict, chainId, workers)),
      hashTypedData(consentTypedData(seat, chainId, keyService)),
    ])
    const receipt = { worker: key.address, lease: HASH, era: 2n ** 64n - 1n, sequence: 7n, content: HASH }
    const digest = { address: slashing, abi: SLASHING_ABI, functionName: 'receiptDigest' } as const
    expect(await read({ ...digest, args: [receipt] })).toBe(
      hashTypedData(receiptTypedData(receipt, chainId, workers)),
    )
    const signed = await signReceipt(chain.network, key, receipt)
    expect(await isReceiptSigned(signed, chainId, contracts.workers)).toBe(true)
    for (const other of [{ era: 1n }, { sequence: 8n }, { worker: tenant.account.address }])
      expect(await isReceiptSigned({ ...signed, ...other }, chainId, contracts.workers)).toBe(false)
  })

  it('names the contract’s own error where it refuses', async () => {
    const bid = await bidFor()
    await openLease(tenant, bid, 1_000n)
    await expect(openLease(tenant, bid, 1_000n)).rejects.toMatchObject({
      code: 'reverted',
      details: { error: 'BidTaken' },
    })
    await expect(openLease(tenant, await bidFor({ expiry: 1 }), 1_000n)).rejects.toMatchObject({
      details: { error: 'BidExpired' },
    })
    await expect(openLease(tenant, { ...(await bidFor()), ratePerSecond: 1n }, 1_000n)).rejects.toMatchObject(
      { details: { error: 'BadSignature' } },
    )
  })

  it('tells whose signature it is', async () => {
    const typed = requestTypedData(
      {
        tenant: tenant.account.address,
        worker: key.address,
        method: 'GET',
        path: '/',
        bodyHash: bodyHash(''),
        issuedAt: 1,
        nonce: HASH,
      },
      chain.network.chainId,
    )
    const signature = await key.signTypedData(typed)
    expect(await isSignedBy(tenant, key.address, signature, typed)).toBe(true)
    expect(await isSignedBy(tenant, tenant.account.address, signature, typed)).toBe(false)
    expect(await isSignedBy(tenant, key.address, bytesToHex(new Uint8Array(65)), typed)).toBe(false)
  })

  it('says that it can’t be reached', async () => {
    const away = { ...chain.network, rpcUrl: 'http://127.0.0.1:9' }
    const { connectWallet } = await import('./index.ts')
    await expect(updateLease(connectWallet(away, tenant.account), HASH as Hex, HASH)).rejects.toMatchObject({
      code: 'chain-unreachable',
      hint: expect.any(String),
    })
  })
})
