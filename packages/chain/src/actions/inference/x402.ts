// Channels of x402's own contract, which its clients pay into on the chains that have it (x402 version 2,
// scheme `batch-settlement`; addresses and calls as in its package @x402/evm 2.27). They are channels like
// ours, but each is paid into by itself, one bad row spoils a batch of claims, and what is claimed goes to an
// address.
import { type Channel, channelIdOf, claimBatchTypedData } from '@cloister/core'
import {
  type Address,
  encodeAbiParameters,
  encodeFunctionData,
  type Hex,
  keccak256,
  type LocalAccount,
  parseAbi,
  size,
  zeroHash,
} from 'viem'
import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import type { VoucherClaim } from './claims.ts'
import { read } from './contracts.ts'

/** Where x402's channels are on every chain that has them. */
export const X402_CHANNELS: Address = '0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003'
/** What brings deposits by EIP-3009 into them: payers authorize their token to send to it. */
export const X402_COLLECTOR: Address = '0x4020806089470a89826cB9fB1f4059150b550004'

const ABI = parseAbi([
  'struct ChannelConfig { address payer; address payerAuthorizer; address receiver; address receiverAuthorizer; address token; uint40 withdrawDelay; bytes32 salt; }',
  'struct Voucher { ChannelConfig channel; uint128 maxClaimableAmount; }',
  'struct VoucherClaim { Voucher voucher; bytes signature; uint128 totalClaimed; }',
  'function deposit(ChannelConfig config, uint128 amount, address collector, bytes collectorData)',
  'function claimWithSignature(VoucherClaim[] voucherClaims, bytes authorizerSignature)',
  'function settle(address receiver, address token)',
  'function refundWithSignature(ChannelConfig config, uint128 amount, uint256 nonce, bytes receiverAuthorizerSignature)',
  'function channels(bytes32 channelId) view returns (uint128 balance, uint128 totalClaimed)',
  'function pendingWithdrawals(bytes32 channelId) view returns (uint128 amount, uint40 initiatedAt)',
  'function refundNonce(bytes32 channelId) view returns (uint256)',
  'function receivers(address receiver, address token) view returns (uint128 totalClaimed, uint128 totalSettled)',
])
const CONTRACT = { address: X402_CHANNELS, abi: ABI } as const

/** x402's channels, on the chains that have them. */
export const x402Contract = () => CONTRACT

/** A deposit as x402's client authorizes it (EIP-3009). Instants in Unix seconds. */
export interface X402Deposit {
  channel: Channel
  amount: bigint
  validAfter: bigint
  validBefore: bigint
  salt: bigint
  signature: Hex
}

/** What x402's contract has of a channel, in base units of its token. */
export interface X402Channel {
  id: Hex
  balance: bigint
  totalClaimed: bigint
  refundNonce: bigint
  /** What the payer announced to take back; 0n where it didn't. */
  leaving: bigint
}

/** Whether the chain has x402's contracts. Throws `chain-unreachable`. */
export async function hasX402({ client }: Pick<Chain, 'client'>): Promise<boolean> {
  // Asked by a call: what runs in a lease reads the chain by calls alone.
  const data = encodeFunctionData({ abi: ABI, functionName: 'channels', args: [zeroHash] })
  try {
    const answer = await client.call({ to: X402_CHANNELS, data })
    return answer.data !== undefined && size(answer.data) === 64
  } catch (error) {
    throw chainError('channels', error)
  }
}

/** The id of a channel of x402's contract. */
export function x402ChannelIdIn({ network }: Pick<Chain, 'network'>, channel: Channel): Hex {
  return channelIdOf(channel, network.chainId, X402_CHANNELS)
}

/** What x402's contract has of a channel; all zero where it has none. Throws `chain-unreachable`. */
export async function getX402Channel(chain: Chain, id: Hex): Promise<X402Channel> {
  const [[balance, totalClaimed], refundNonce, [leaving]] = await Promise.all([
    read(chain, CONTRACT, 'channels', [id]),
    read(chain, CONTRACT, 'refundNonce', [id]),
    read(chain, CONTRACT, 'pendingWithdrawals', [id]),
  ])
  return { id, balance, totalClaimed, refundNonce, leaving }
}

/** What was claimed for a receiver and is not sent to it yet. Throws `chain-unreachable`. */
export async function getX402Unsettled(chain: Chain, receiver: Address, token: Address): Promise<bigint> {
  const [totalClaimed, totalSettled] = await read(chain, CONTRACT, 'receivers', [receiver, token])
  return totalClaimed - totalSettled
}

/** The nonce of the authorization that pays into a channel. */
export function x402Nonce(channelId: Hex, salt: bigint): Hex {
  return keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [channelId, salt]))
}

/** The call that pays an authorized deposit in, as bytes to send to x402's contract. */
export function encodeX402Deposit(deposit: X402Deposit): Hex {
  const { channel, amount, validAfter, validBefore, salt, signature } = deposit
  const words = [{ type: 'uint256' }, { type: 'uint256' }, { type: 'uint256' }, { type: 'bytes' }] as const
  const data = encodeAbiParameters(words, [validAfter, validBefore, salt, signature])
  const args = [channel, amount, X402_COLLECTOR, data] as const
  return encodeFunctionData({ abi: ABI, functionName: 'deposit', args })
}

/** Signs a batch of claims as the channels' receiver authorizer. One that can't be claimed spoils all. */
export function signX402Claims(
  chain: Pick<Chain, 'network'>,
  authorizer: LocalAccount,
  claims: readonly VoucherClaim[],
): Promise<Hex> {
  const entries = claims.map(({ channel, maxClaimableAmount, totalClaimed }) => ({
    channelId: x402ChannelIdIn(chain, channel),
    maxClaimableAmount,
    totalClaimed,
  }))
  return authorizer.signTypedData(claimBatchTypedData(entries, chain.network.chainId, X402_CHANNELS))
}

/** The call that claims a signed batch, as bytes to send to x402's contract. */
export function encodeX402Claims(claims: readonly VoucherClaim[], authorizerSignature: Hex): Hex {
  const rows = claims.map(({ channel, maxClaimableAmount, signature, totalClaimed }) => ({
    voucher: { channel, maxClaimableAmount },
    signature,
    totalClaimed,
  }))
  return encodeFunctionData({
    abi: ABI,
    functionName: 'claimWithSignature',
    args: [rows, authorizerSignature],
  })
}

/** The call that sends a receiver what was claimed for it, as bytes to send to x402's contract. */
export function encodeX402Settle(receiver: Address, token: Address): Hex {
  return encodeFunctionData({ abi: ABI, functionName: 'settle', args: [receiver, token] })
}
