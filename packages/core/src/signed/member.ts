import { type Address, type Hex, sha256 } from 'viem'
import { utf8 } from '../bytes.ts'
import { toCanonicalJson } from '../manifest/canonical.ts'

/** A place of a lease on a private network: the end of its tunnels. */
export interface MemberPlace {
  /** A container's name, or empty where all of the lease share one. */
  name: string
  /** What is reached there. */
  services: string[]
  /** WireGuard's public key, 32 bytes. */
  key: Hex
  /** UDP port of the worker's. */
  port: number
}

/** A worker's word, to one reader, on a lease of its that is on a private network. */
export interface Member {
  lease: Hex
  /** The lease whose worker is told; zero for the tenant. */
  reader: Hex
  network: string
  /** The name that the lease was opened with; empty for none. */
  name: string
  places: MemberPlace[]
  /** Unix seconds. */
  instant: number
}

/** EIP-712 types of a member of a private network. No contract reads it. */
export const MEMBER_TYPES = {
  Member: [
    { name: 'lease', type: 'bytes32' },
    { name: 'reader', type: 'bytes32' },
    { name: 'network', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'places', type: 'bytes32' },
    { name: 'instant', type: 'uint64' },
  ],
} as const

/**
 * What a worker's key signs of a member (EIP-712), with the places as SHA-256 of their canonical JSON:
 * `market` is the Market of the chain. The worker's evidence binds that key, and so the tunnels' keys.
 */
export function memberTypedData({ places, instant, ...member }: Member, chainId: number, market: Address) {
  return {
    domain: { name: 'Cloister Private Network', version: '1', chainId, verifyingContract: market },
    types: MEMBER_TYPES,
    primaryType: 'Member' as const,
    message: { ...member, places: sha256(utf8(toCanonicalJson(places))), instant: BigInt(instant) },
  } as const
}
