import { type Address, type Hex, hashTypedData } from 'viem'
import * as z from 'zod'
import { address, bytes32, decimal, hexBytes } from '../shapes.ts'

/**
 * A provider's price for one order on one worker. `ratePerSecond` in base units of `token` per covered
 * second.
 */
export interface Bid {
  tenant: Address
  worker: Address
  token: Address
  ratePerSecond: bigint
  /** Base units of `token` that the lease has to be opened with, at least. */
  minimumDeposit: bigint
  /** Last Unix second at which it can be taken. */
  expiry: number
  /** What of the worker the lease takes (see `roomOf`). The bid can't be taken while the worker has less. */
  room: bigint
  /**
   * Minutes of notice that the provider has to give before it may close the lease; 0 for the market's notice
   * period.
   */
  noticeMinutes: number
  manifestHash: Hex
  order: Hex
  salt: bigint
}

/** Minutes of notice that a bid can say. */
export const MOST_NOTICE_MINUTES = 0xffff

/** A bid with the worker's or the provider's signature. */
export interface SignedBid extends Bid {
  signature: Hex
}

/** EIP-712 types of a bid, as in Market.sol. */
export const BID_TYPES = {
  Bid: [
    { name: 'tenant', type: 'address' },
    { name: 'worker', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'ratePerSecond', type: 'uint80' },
    { name: 'minimumDeposit', type: 'uint96' },
    { name: 'expiry', type: 'uint48' },
    { name: 'room', type: 'uint64' },
    { name: 'noticeMinutes', type: 'uint16' },
    { name: 'manifestHash', type: 'bytes32' },
    { name: 'order', type: 'bytes32' },
    { name: 'salt', type: 'uint256' },
  ],
} as const

/** What a worker's key, or its provider's account, signs: `market` is the Market contract of one chain. */
export function bidTypedData(bid: Bid, chainId: number, market: Address) {
  return {
    domain: { name: 'Cloister Market', version: '1', chainId, verifyingContract: market },
    types: BID_TYPES,
    primaryType: 'Bid' as const,
    message: { ...bid },
  } as const
}

/** The id of the lease that takes a bid: the bid's typed-data digest. */
export function leaseIdOf(bid: Bid, chainId: number, market: Address): Hex {
  return hashTypedData(bidTypedData(bid, chainId, market))
}

export const SignedBidJson = z.strictObject({
  tenant: address,
  worker: address,
  token: address,
  ratePerSecond: decimal,
  minimumDeposit: decimal,
  expiry: z
    .int()
    .min(0)
    .max(2 ** 48 - 1),
  room: decimal,
  noticeMinutes: z.int().min(0).max(MOST_NOTICE_MINUTES),
  manifestHash: bytes32,
  order: bytes32,
  salt: decimal,
  signature: hexBytes,
})

/** A signed bid as JSON carries it: big numbers are decimal strings. */
export type SignedBidJson = z.infer<typeof SignedBidJson>

export function bidToJson(bid: SignedBid): SignedBidJson {
  const { ratePerSecond, minimumDeposit, room, salt } = bid
  return {
    ...bid,
    ratePerSecond: ratePerSecond.toString(),
    minimumDeposit: minimumDeposit.toString(),
    room: room.toString(),
    salt: salt.toString(),
  }
}

/** Reads a signed bid from untrusted JSON; undefined if it isn't one. */
export function bidFromJson(value: unknown): SignedBid | undefined {
  const parsed = SignedBidJson.safeParse(value)
  if (!parsed.success) return undefined
  const ratePerSecond = BigInt(parsed.data.ratePerSecond)
  const minimumDeposit = BigInt(parsed.data.minimumDeposit)
  const room = BigInt(parsed.data.room)
  const salt = BigInt(parsed.data.salt)
  if (ratePerSecond >= 1n << 80n || minimumDeposit >= 1n << 96n || room >= 1n << 64n || salt >= 1n << 256n)
    return undefined
  return { ...parsed.data, ratePerSecond, minimumDeposit, room, salt }
}
