import { sha256 } from '@noble/hashes/sha2'
import { type Hex, hexToBytes } from 'viem'
import { deriveKeyPair, type KeyPair } from './hpke.ts'

/** The tenant's reading key: the one that its signature of `readerTypedData` gives, every time. */
export function readerKeyPair(signature: Hex): Promise<KeyPair> {
  return deriveKeyPair(sha256(hexToBytes(signature)))
}

/** What is said, sealing and opening, of what is left of a lease that has ended. */
export function contextOfEnded(lease: Hex): string {
  return `ended ${lease}`
}
