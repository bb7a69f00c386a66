import type { Address, Hex } from 'viem'
import * as z from 'zod'
import { fromBase64Url, textOf, toBase64Url, utf8 } from '../bytes.ts'
import { NETWORK_NAME_PATTERN } from '../network/name.ts'
import { bytes32, hexBytes } from '../shapes.ts'

/** A place's name: a container's, or empty where all of the lease share one. */
export const PLACE_NAME_PATTERN = /^[a-zA-Z0-9._-]{0,64}$/

/** A worker's request that another one relays a tunnel between two leases on a private network. */
export interface Relay {
  /** The lease whose worker asks. */
  lease: Hex
  /** The lease whose worker is asked. */
  reader: Hex
  network: string
  /** The tunnel's places: of `lease`, and of `reader`. */
  from: string
  to: string
  /** Unix seconds. */
  instant: number
}

/** EIP-712 types of a request for a relay. No contract reads it. */
const RELAY_TYPES = {
  Relay: [
    { name: 'lease', type: 'bytes32' },
    { name: 'reader', type: 'bytes32' },
    { name: 'network', type: 'string' },
    { name: 'from', type: 'string' },
    { name: 'to', type: 'string' },
    { name: 'instant', type: 'uint64' },
  ],
} as const

/** What a worker's key signs to have a tunnel relayed (EIP-712); `market` is the Market of the chain. */
export function relayTypedData({ instant, ...relay }: Relay, chainId: number, market: Address) {
  return {
    domain: { name: 'Cloister Private Network', version: '1', chainId, verifyingContract: market },
    types: RELAY_TYPES,
    primaryType: 'Relay' as const,
    message: { ...relay, instant: BigInt(instant) },
  } as const
}

const SignedRelay = z.strictObject({
  lease: bytes32,
  reader: bytes32,
  network: z.string().regex(NETWORK_NAME_PATTERN),
  from: z.string().regex(PLACE_NAME_PATTERN),
  to: z.string().regex(PLACE_NAME_PATTERN),
  instant: z
    .int()
    .min(0)
    .max(2 ** 48),
  signature: hexBytes,
})
export type SignedRelay = z.infer<typeof SignedRelay>

const SCHEME = 'Cloister-Relay '

/** The value of the `authorization` header of a request for a relay: its scheme, and base64url JSON. */
export function encodeRelay(relay: SignedRelay): string {
  return SCHEME + toBase64Url(utf8(JSON.stringify(relay)))
}

/** Reads an untrusted `authorization` header; undefined if it isn't one of these, or is malformed. */
export function decodeRelay(header: string | undefined): SignedRelay | undefined {
  if (!header?.startsWith(SCHEME) || header.length > 4096) return undefined
  try {
    return SignedRelay.safeParse(JSON.parse(textOf(fromBase64Url(header.slice(SCHEME.length))))).data
  } catch {
    return undefined
  }
}
