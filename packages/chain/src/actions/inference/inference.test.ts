import {
  type Channel,
  type Charge,
  channelIdOf,
  chargeContent,
  claimBatchTypedData,
  drawTypedData,
  keyTypedData,
  refundTypedData,
  voucherTypedData,
} from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import {
  BATCH_SETTLEMENT_ADDRESS,
  BATCH_SETTLEMENT_DOMAIN,
  claimBatchTypes,
  refundTypes,
  voucherTypes,
} from '@x402/evm'
import { computeChannelId } from '@x402/evm/batch-settlement/client'
import { concat, type Hex, hashTypedData, keccak256, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  anchorReceipts,
  announceWithdrawal,
  changeKey,
  claimVouchers,
  connectWallet,
  delegate,
  depositPurse,
  draw,
  encodeAnchor,
  encodeClaims,
  encodeDeposit,
  encodeDraws,
  endChannelWithdrawal,
  endOffer,
  findToken,
  getChannel,
  getKey,
  getModelEarnings,
  getOffer,
  getOfferOf,
  getPurse,
  getReceiptsRoot,
  getTokenBalance,
  isAnchored,
  offerModel,
  openLease,
  refundChannel,
  registerWorker,
  reportOvercharge,
  setKey,
  signBid,
  signClaims,
  signDeposit,
  signReceipt,
  startChannelWithdrawal,
  type VoucherClaim,
  vouchersContract,
  type Wallet,
  withdrawModelEarnings,
  withdrawPurse,
} from '../../index.ts'

const HASH = `0x${'ab'.repeat(32)}` as const
const worker = privateKeyToAccount(generatePrivateKey())
const key = privateKeyToAccount(generatePrivateKey())
const authorizer = privateKeyToAccount(generatePrivateKey())
const FOREVER = 2 ** 47

describe('paying models by the token', () => {
  let chain: DevelopmentChain
  let provider: Wallet
  let payer: Wallet
  let stranger: Wallet
  let usdc: Hex
  let vouchers: Hex
  let lease: Hex
  let channel: Channel

  const pass = async (seconds: number) => {
    await payer.client.request({ method: 'evm_increaseTime' as never, params: [seconds] as never })
    await payer.client.request({ method: 'evm_mine' as never, params: [] as never })
  }
  const idOf = (of: Channel) => channelIdOf(of, chain.network.chainId, vouchers)
  const drawTo = async (totalDrawn: bigint, of = channel) => {
    const typed = drawTypedData({ channelId: idOf(of), totalDrawn }, chain.network.chainId, vouchers)
    return { channel: of, totalDrawn, signature: await key.signTypedData(typed) }
  }
  const voucherFor = async (most: bigint, totalClaimed = most, of = channel): Promise<VoucherClaim> => {
    const voucher = { channelId: idOf(of), maxClaimableAmount: most }
    const signature = await key.signTypedData(voucherTypedData(voucher, chain.network.chainId, vouchers))
    return { channel: of, maxClaimableAmount: most, signature, totalClaimed }
  }
  /** As a worker sends what a door hands it. */
  const sendBytes = async (to: Hex | undefined, data: Hex, wallet = stranger) => {
    const hash = await wallet.wallet.sendTransaction({ to: to ?? '0x', data })
    const receipt = await wallet.client.waitForTransactionReceipt({ hash })
    expect(receipt.status).toBe('success')
  }

  beforeAll(async () => {
    chain = await startDevelopmentChain()
    const platform = await chain.root.manufacture()
    provider = chain.wallet(1)
    payer = chain.wallet(4)
    stranger = chain.wallet(7)
    usdc = findToken(chain.network, 'USDC').address
    vouchers = vouchersContract(chain).address
    for (const { account } of [payer, provider])
      await fundDevelopmentAccount(chain.wallet(0), account.address)
    const description = { cpuMilli: 2000, memoryMiB: 1024, diskMiB: 1024, gpus: 0, gpuClass: '' }
    await registerWorker(provider, worker, { ...description, endpoint: 'http://127.0.0.1:1' })
    await coverWorker(provider, platform, worker)
    const now = Number((await payer.client.getBlock()).timestamp)
    const bid = await signBid(chain.network, worker, {
      tenant: provider.account.address,
      worker: worker.address,
      token: usdc,
      ratePerSecond: 1n,
      minimumDeposit: 0n,
      expiry: now + 600,
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
      receiverAuthorizer: authorizer.address,
      token: usdc,
      withdrawDelay: 900,
      salt: lease,
    }
  })
  afterAll(() => chain.stop())

  it('takes offers of a lease’s tenant, whose terms stay what they were', async () => {
    const terms = {
      token: usdc,
      payee: provider.account.address,
      input: 1_000n,
      cached: 500n,
      output: 4_000n,
    }
    const wanted = { lease, terms, model: 'tiny', options: '{}' }
    await expect(offerModel(stranger, wanted)).rejects.toMatchObject({ code: 'reverted' })
    const first = await offerModel(provider, wanted)
    expect(await getOffer(payer, first)).toEqual({ id: first, lease, terms, stands: true })
    const second = await offerModel(provider, { ...wanted, terms: { ...terms, output: 2_000n } })
    expect(await getOfferOf(payer, lease)).toBe(second)
    expect(await getOffer(payer, first)).toEqual({ id: first, lease, terms, stands: false })
    await endOffer(provider, lease)
    expect(await getOfferOf(payer, lease)).toBeUndefined()
    expect(await getOffer(payer, HASH)).toBeUndefined()
  })

  it('draws from one purse by a key with a cap, claims by vouchers, and pays what is earned', async () => {
    await depositPurse(payer, usdc, 10_000n)
    await depositPurse(stranger, usdc, 0n).catch(({ details }) => expect(details.error).toBe('ZeroAmount'))
    await setKey(payer, key, { token: usdc, cap: 6_000n, until: FOREVER })
    expect(await getKey(payer, key.address)).toMatchObject({ payer: payer.account.address, cap: 6_000n })

    const id = idOf(channel)
    const other = { ...channel, salt: zeroHash }
    const outcome = await draw(stranger, [await drawTo(4_000n), await drawTo(5_000n, other)])
    expect(outcome.moved).toEqual(
      new Map([
        [id, 4_000n],
        // As much as the cap has.
        [idOf(other), 2_000n],
      ]),
    )
    expect(await draw(stranger, [await drawTo(4_500n)])).toMatchObject({
      skipped: [{ channel: id, reason: 'key-used-up' }],
    })
    expect(await getPurse(payer, payer.account.address, usdc)).toEqual({
      balance: 4_000n,
      leaving: 0n,
      leavesAt: undefined,
    })

    const good = await voucherFor(3_000n)
    const forged = { ...(await voucherFor(100n, 100n, other)), maxClaimableAmount: 1_000n }
    const claims = [forged, good]
    const signature = await signClaims(chain, authorizer, claims)
    expect(await claimVouchers(stranger, claims, signature)).toMatchObject({
      moved: new Map([[id, 3_000n]]),
      skipped: [{ channel: idOf(other), reason: 'not-signed' }],
    })
    // Handed in again it moves nothing.
    expect((await claimVouchers(stranger, claims, signature)).moved.size).toBe(0)
    // A twentieth is the treasury's.
    expect(await getModelEarnings(payer, provider.account.address, usdc)).toBe(2_850n)
    const before = await getTokenBalance(payer, usdc, provider.account.address)
    await withdrawModelEarnings(provider, usdc, provider.account.address)
    expect(await getTokenBalance(payer, usdc, provider.account.address)).toBe(before + 2_850n)

    // What goes back, the key may draw again.
    const { chainId } = chain.network
    const refund = { channelId: id, nonce: 0n, amount: 500n }
    const refundSignature = await authorizer.signTypedData(refundTypedData(refund, chainId, vouchers))
    expect(await refundChannel(stranger, channel, { ...refund, signature: refundSignature })).toBe(500n)
    expect(await getKey(payer, key.address)).toMatchObject({ drawn: 5_500n })
    expect(await getChannel(payer, id)).toEqual({
      id,
      balance: 3_500n,
      totalClaimed: 3_000n,
      totalDrawn: 4_000n,
      refundNonce: 1n,
      leaving: undefined,
    })

    await changeKey(payer, key.address, { cap: 0n })
    await expect(changeKey(stranger, key.address, { cap: 9n })).rejects.toMatchObject({
      details: { error: 'KeyTaken' },
    })
    expect((await draw(stranger, [await drawTo(4_500n)])).skipped).toHaveLength(1)

    await startChannelWithdrawal(payer, channel, 2n ** 100n)
    await expect(endChannelWithdrawal(payer, channel)).rejects.toMatchObject({ details: { error: 'NotYet' } })
    expect((await getChannel(payer, id)).leaving).toMatchObject({ amount: 2n ** 100n })
    await pass(900)
    expect(await endChannelWithdrawal(payer, channel)).toBe(500n)

    const leavesAt = await announceWithdrawal(payer, usdc, 5_000n)
    expect(await getPurse(payer, payer.account.address, usdc)).toEqual({
      balance: 5_000n,
      leaving: 5_000n,
      leavesAt,
    })
    await pass(900)
    expect(await withdrawPurse(payer, usdc, payer.account.address)).toBe(5_000n)
  })

  it('takes the same as bytes that a worker sends for a door', async () => {
    await depositPurse(payer, usdc, 1_000n, payer.account.address)
    await changeKey(payer, key.address, { cap: 100_000n })
    const of = { ...channel, salt: keccak256('0x01') }
    await sendBytes(vouchers, encodeDraws([await drawTo(700n, of)]))
    const now = (await payer.client.getBlock()).timestamp
    const deposit = { channel: of, amount: 300n, validAfter: 0n, validBefore: now + 600n, salt: HASH }
    const token = { name: 'USD Coin (test)', version: '1' }
    // The development accounts' keys are known.
    const signer = payer.account as ReturnType<typeof privateKeyToAccount>
    await sendBytes(vouchers, encodeDeposit(await signDeposit(chain, signer, token, deposit)))
    expect(await getChannel(payer, idOf(of))).toMatchObject({ balance: 1_000n, totalDrawn: 700n })
    const claims = [await voucherFor(1_000n, 1_000n, of)]
    await sendBytes(vouchers, encodeClaims(claims, await signClaims(chain, authorizer, claims)))
    expect(await getChannel(payer, idOf(of))).toMatchObject({ totalClaimed: 1_000n })
  })

  it('anchors receipts that can be proved for ever', async () => {
    const own = connectWallet(chain.network, worker)
    const digests = [keccak256('0x01'), keccak256('0x02')] as const
    const [first, second] = digests.map((digest) => keccak256(keccak256(digest))).toSorted() as [Hex, Hex]
    const root = keccak256(concat([first, second]))
    const batch = { lease, era: 7n, count: 2n, root }
    await expect(anchorReceipts(stranger, batch)).rejects.toMatchObject({
      details: { error: 'NotLeaseWorker' },
    })
    expect(await anchorReceipts(own, batch)).toBe(0)
    await sendBytes(chain.network.contracts.receipts, encodeAnchor(batch), own)
    expect(await getReceiptsRoot(payer, lease, 7n, 1)).toBe(root)
    await expect(getReceiptsRoot(payer, lease, 7n, 2)).rejects.toMatchObject({
      details: { error: 'UnknownBatch' },
    })
    const proof = [keccak256(keccak256(digests[1]))]
    expect(await isAnchored(payer, { lease, era: 7n, index: 0, digest: digests[0], proof })).toBe(true)
    expect(await isAnchored(payer, { lease, era: 7n, index: 0, digest: HASH, proof })).toBe(false)
  })

  it('costs a provider stake to charge more than its offer says', async () => {
    const cloi = findToken(chain.network, 'CLOI').address
    expect(cloi).not.toBe(usdc)
    await delegate(provider, provider.account.address, 1_000n * 10n ** 18n)
    const terms = {
      token: usdc,
      payee: provider.account.address,
      input: 1_000n,
      cached: 500n,
      output: 4_000n,
    }
    const offer = await offerModel(provider, { lease, terms, model: 'tiny', options: '{}' })
    const charge: Charge = {
      offer,
      channel: idOf(channel),
      input: 2_000n,
      cached: 1_000n,
      output: 1_000n,
      // 1 + 0.5 + 4, rounded up.
      amount: 6n,
      total: 6n,
    }
    const reportOf = async (amount: bigint) => {
      const wrong = { ...charge, amount }
      const content = chargeContent(wrong, HASH)
      const unsigned = { worker: worker.address, lease, era: 1n, sequence: amount, content }
      return { receipt: await signReceipt(chain.network, worker, unsigned), charge: wrong, details: HASH }
    }
    await expect(reportOvercharge(stranger, await reportOf(6n))).rejects.toMatchObject({
      details: { error: 'NoOvercharge' },
    })
    const report = await reportOf(7n)
    await expect(reportOvercharge(stranger, { ...report, details: zeroHash })).rejects.toMatchObject({
      details: { error: 'NotCharged' },
    })
    expect(await reportOvercharge(stranger, report)).toMatchObject({
      taken: 50n * 10n ** 18n,
      reward: 10n * 10n ** 18n,
    })
  })

  it('signs what x402’s own package signs', () => {
    const to = BATCH_SETTLEMENT_ADDRESS
    expect(channelIdOf(channel, 8453, to)).toBe(computeChannelId(channel, 'eip155:8453'))
    const voucher = { channelId: HASH, maxClaimableAmount: 7n }
    const refund = { channelId: HASH, nonce: 3n, amount: 7n }
    const claims = [{ ...voucher, totalClaimed: 5n }]
    const domain = { ...BATCH_SETTLEMENT_DOMAIN, chainId: 8453, verifyingContract: to }
    expect(hashTypedData(voucherTypedData(voucher, 8453, to))).toBe(
      hashTypedData({ domain, types: voucherTypes, primaryType: 'Voucher', message: voucher }),
    )
    expect(hashTypedData(refundTypedData(refund, 8453, to))).toBe(
      hashTypedData({ domain, types: refundTypes, primaryType: 'Refund', message: refund }),
    )
    expect(hashTypedData(claimBatchTypedData(claims, 8453, to))).toBe(
      hashTypedData({ domain, types: claimBatchTypes, primaryType: 'ClaimBatch', message: { claims } }),
    )
    expect(keyTypedData(channel.payer, 1, to).domain).toEqual({ ...domain, chainId: 1 })
  })
})
