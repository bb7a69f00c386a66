import { utf8 } from '@cloister/core'
import { hkdf } from '@noble/hashes/hkdf'
import { sha256 } from '@noble/hashes/sha2'
import { bytesToHex, type Hex, hexToBytes } from 'viem'
import { deriveKeyPair, type KeyPair } from './hpke.ts'

/**
 * An app's key is in three parts, each from a secret of the key service's. Seat `i` holds every part but
 * `i`: any two seats hold all three, one alone does not (replicated secret sharing; Naor, Pinkas and
 * Reingold, Distributed pseudo-random functions and KDCs, EUROCRYPT 1999, section 4).
 */
export const PARTS = [0, 1, 2] as const
export type Part = (typeof PARTS)[number]

/** The parts that a seat holds. */
export function partsOf(seat: number): Part[] {
  return PARTS.filter((part) => part !== seat)
}

/** An app's key pair out of one part's secret, 32 bytes. */
export async function appKeyPair(secret: Uint8Array, app: Hex): Promise<KeyPair> {
  return deriveKeyPair(hkdf(sha256, secret, hexToBytes(app), utf8('cloister app key'), 32))
}

/** Names a part's secret without giving it away: 32 bytes, hexadecimal. */
export function checkOf(secret: Uint8Array): Hex {
  return bytesToHex(hkdf(sha256, secret, new Uint8Array(), utf8('cloister part check'), 32))
}
