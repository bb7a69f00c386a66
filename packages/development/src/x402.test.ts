import {
  encodeSweep,
  encodeX402Claims,
  encodeX402Deposit,
  encodeX402Settle,
  getReceiver,
  getX402Channel,
  getX402Unsettled,
  hasX402,
  receiversContract,
  signX402Claims,
  sweepReceiver,
  X402_CHANNELS,
  x402ChannelIdIn,
} from '@cloister/chain'
import type { Channel } from '@cloister/core'
import { BatchSettlementEvmScheme } from '@x402/evm/batch-settlement/client'
import { BatchSettlementEvmScheme as Facilitator } from '@x402/evm/batch-settlement/facilitator'
import { type Address, erc20Abi, type Hex, parseAbi, publicActions, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DevelopmentChain, startDevelopmentChain } from './chain.ts'
import { X402 } from './genesis.ts'
import { MULTICALL3 } from './op-stack/genesis.ts'
import { opStackCode } from './op-stack/index.ts'

// The stand-in for x402's contracts, asked by x402's own client and facilitator.

const NETWORK = 'eip155:31337'
const USDC_CALLS = parseAbi(['function mint(address to, uint256 amount)'])
const CHANNELS_CALLS = parseAbi([
  'function channels(bytes32 channelId) view returns (uint128 balance, uint128 totalClaimed)',
])
const payer = privateKeyToAccount(generatePrivateKey())
const receiver = privateKeyToAccount(generatePrivateKey())

/** What x402's client sends, as far as it is looked at here. */
interface Payload {
  type: string
  channelConfig: Channel
  voucher: { channelId: Hex; signature: Hex }
  deposit: {
    amount: string
    authorization: {
      erc3009Authorization: { validAfter: string; validBefore: string; salt: Hex; signature: Hex }
    }
  }
}

let chain: DevelopmentChain
let usdc: Address

beforeAll(async () => {
  chain = await startDevelopmentChain()
  const { wallet, client, network } = chain.wallet(0)
  usdc = network.tokens.find(({ symbol }) => symbol === 'USDC')?.address as Address
  await client.request({ method: 'anvil_setCode', params: [MULTICALL3, opStackCode().multicall3] } as never)
  const mint = { address: usdc, abi: USDC_CALLS, functionName: 'mint' } as const
  const hash = await wallet.writeContract({ ...mint, args: [payer.address, 1_000_000n] })
  await client.waitForTransactionReceipt({ hash })
}, 60_000)
afterAll(() => chain.stop())

function facilitator() {
  const { wallet, account } = chain.wallet(1)
  const client = wallet.extend(publicActions)
  const signer = { ...client, address: account.address, getAddresses: () => [account.address] }
  return new Facilitator(signer as never, receiver)
}

const requirements = (payTo = receiver.address) => ({
  scheme: 'batch-settlement',
  network: NETWORK,
  amount: '100',
  asset: usdc,
  payTo,
  maxTimeoutSeconds: 600,
  extra: { name: 'USD Coin (test)', version: '1', receiverAuthorizer: receiver.address, withdrawDelay: 900 },
})

async function payment(payTo?: Address) {
  const { client } = chain.wallet(0)
  const readContract = client.readContract.bind(client) as never
  const scheme = new BatchSettlementEvmScheme({ ...payer, readContract }, { salt: toHex(7, { size: 32 }) })
  const { payload } = await scheme.createPaymentPayload(2, requirements(payTo) as never)
  return { x402Version: 2, accepted: requirements(payTo), payload } as never as { payload: Payload }
}

it('x402’s client pays in, and its facilitator claims, settles and refunds', async () => {
  const paid = await payment()
  expect(paid.payload.type).toBe('deposit')
  const own = facilitator()
  expect(await own.verify(paid as never, requirements() as never)).toMatchObject({ isValid: true })
  expect(await own.settle(paid as never, requirements() as never)).toMatchObject({ success: true })
  const { channelId, signature } = paid.payload.voucher
  const { client } = chain.wallet(0)
  const look = () =>
    client.readContract({
      address: X402.channels,
      abi: CHANNELS_CALLS,
      functionName: 'channels',
      args: [channelId],
    })
  // Five requests' worth, as the client has it where the server says nothing.
  expect(await look()).toEqual([500n, 0n])

  // A second request goes by a voucher alone, which is good by the deposit.
  const again = await payment()
  expect(again.payload.type).toBe('voucher')
  expect(await own.verify(again as never, requirements() as never)).toMatchObject({ isValid: true })

  const act = (payload: object) =>
    own.settle({ x402Version: 2, accepted: requirements(), payload } as never, requirements() as never)
  const voucher = { channel: paid.payload.channelConfig, maxClaimableAmount: '100' }
  const claims = [{ voucher, signature, totalClaimed: '60' }]
  expect(await act({ type: 'claim', claims })).toMatchObject({ success: true })
  expect(await look()).toEqual([500n, 60n])
  // The same again claims nothing more, and nothing beyond what was signed can be claimed.
  expect(await act({ type: 'claim', claims })).toMatchObject({ success: false })
  const beyond = [{ voucher, signature, totalClaimed: '101' }]
  expect(await act({ type: 'claim', claims: beyond })).toMatchObject({ success: false })

  expect(await act({ type: 'settle', receiver: receiver.address, token: usdc })).toMatchObject({
    success: true,
  })
  const held = (address: Address) =>
    client.readContract({ address: usdc, abi: erc20Abi, functionName: 'balanceOf', args: [address] })
  expect(await held(receiver.address)).toBe(60n)
  expect(await held(X402.channels)).toBe(440n)
  expect(await held(X402.collector)).toBe(0n)

  // What was paid in can't be paid in once more: its nonce is used.
  expect(await own.settle(paid as never, requirements() as never)).toMatchObject({ success: false })
}, 60_000)

it('what it pays is brought in by anybody, claimed by the endpoint and goes to the payee less the fee', async () => {
  const payee = privateKeyToAccount(generatePrivateKey()).address
  const anybody = chain.wallet(2)
  expect(await hasX402(anybody)).toBe(true)
  const at = await getReceiver(anybody, payee)
  const { payload } = await payment(at)
  const { channelConfig: channel, voucher, deposit } = payload
  expect(x402ChannelIdIn(anybody, channel)).toBe(voucher.channelId)
  const { validAfter, validBefore, salt, signature } = deposit.authorization.erc3009Authorization
  const sendTo = async (to: Address, data: Hex) => {
    const hash = await anybody.wallet.sendTransaction({ to, data })
    expect(await anybody.client.waitForTransactionReceipt({ hash })).toMatchObject({ status: 'success' })
  }
  const paid = {
    channel,
    amount: BigInt(deposit.amount),
    validAfter: BigInt(validAfter),
    validBefore: BigInt(validBefore),
    salt: BigInt(salt),
    signature,
  }
  await sendTo(X402_CHANNELS, encodeX402Deposit(paid))
  expect(await getX402Channel(anybody, voucher.channelId)).toMatchObject({ balance: 500n, totalClaimed: 0n })
  const claims = [{ channel, maxClaimableAmount: 100n, signature: voucher.signature, totalClaimed: 100n }]
  await sendTo(X402_CHANNELS, encodeX402Claims(claims, await signX402Claims(anybody, receiver, claims)))
  expect(await getX402Unsettled(anybody, at, usdc)).toBe(100n)
  await sendTo(X402_CHANNELS, encodeX402Settle(at, usdc))
  expect(await getX402Unsettled(anybody, at, usdc)).toBe(0n)
  const { address: receivers } = receiversContract(anybody)
  await sendTo(receivers, encodeSweep(payee, usdc))
  const held = await anybody.client.readContract({
    address: usdc,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [payee],
  })
  // A twentieth is the treasury's.
  expect(held).toBe(95n)
  await expect(sweepReceiver(anybody, payee, usdc)).rejects.toMatchObject({ code: 'reverted' })
}, 60_000)
