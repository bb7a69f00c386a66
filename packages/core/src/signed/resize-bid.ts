import type { Address, Hex } from 'viem'
import * as z from 'zod'
import { bytes32, decimal, hexBytes } from '../shapes.ts'

/**
 * A provider's price for changing an open lease on its worker. `ratePerSecond` in base units of the lease's
 * token per covered second, from then on.
 */
export interface ResizeBid {
  lease: Hex
  /** How many times the lease was resized before: it can be taken once, and not after another one. */
  number: bigint
  ratePerSecond: bigint
  /** Base units of the token that the lease has to hold then, at least. */
  minimumBalance: bigint
  /** Last Unix second at which it can be taken. */
  expiry: number
  /** What of the worker the lease takes then (see `roomOf`). */
  room: bigint
  manifestHash: Hex
  order: Hex
}

/** One with the worker's or the provider's signature. */
export interface SignedResizeBid extends ResizeBid {
  signature: Hex
}

/** EIP-712 types of a bid for a lease that is there, as in Market.sol. */
export const RESIZE_BID_TYPES = {
  ResizeBid: [
    { name: 'lease', type: 'bytes32' },
    { name: 'number', type: 'uint64' },
    { name: 'ratePerSecond', type: 'uint80' },
    { name: 'minimumBalance', type: 'uint96' },
    { name: 'expiry', type: 'uint48' },
    { name: 'room', type: 'uint64' },
    { name: 'manifestHash', type: 'bytes32' },
    { name: 'order', type: 'bytes32' },
  ],
} as const

/** What a worker's key, or its provider's account, signs: `market` is the Market contract of one chain. */
export function resizeBidTypedData(bid: ResizeBid, chainId: number, market: Address) {
  return {
    domain: { name: 'Cloister Market', version: '1', chainId, verifyingContract: market },
    types: RESIZE_BID_TYPES,
    primaryType: 'ResizeBid' as const,
    message: { ...bid },
  } as const
}

export const SignedResizeBidJson = z.strictObject({
  lease: bytes32,
  number: decimal,
  ratePerSecond: decimal,
  minimumBalance: decimal,
  expiry: z
    .int()
    .min(0)
    .max(2 ** 48 - 1),
  room: decimal,
  manifestHash: bytes32,
  order: bytes32,
  signature: hexBytes,
})

/** A signed bid for a lease that is there as JSON carries it: big numbers are decimal strings. */
export type SignedResizeBidJson = z.infer<typeof SignedResizeBidJson>

export function resizeBidToJson(bid: SignedResizeBid): SignedResizeBidJson {
  const { number, ratePerSecond, minimumBalance, room } = bid
  return {
    ...bid,
    number: number.toString(),
    ratePerSecond: ratePerSecond.toString(),
    minimumBalance: minimumBalance.toString(),
    room: room.toString(),
  }
}

/** Reads one from untrusted JSON; undefined if it isn't one. */
export function resizeBidFromJson(value: unknown): SignedResizeBid | undefined {
  const parsed = SignedResizeBidJson.safeParse(value)
  if (!parsed.success) return undefined
  const number = BigInt(parsed.data.number)
  const ratePerSecond = BigInt(parsed.data.ratePerSecond)
  const minimumBalance = BigInt(parsed.data.minimumBalance)
  const room = BigInt(parsed.data.room)
  const isTooLarge =
    number >= 1n << 64n || ratePerSecond >= 1n << 80n || minimumBalance >= 1n << 96n || room >= 1n << 64n
  return isTooLarge ? undefined : { ...parsed.data, number, ratePerSecond, minimumBalance, room }
}
