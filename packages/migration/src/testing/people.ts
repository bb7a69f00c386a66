import { createHash } from 'node:crypto'
import {
  blake2AsU8a,
  cryptoWaitReady,
  ed25519PairFromSeed,
  ed25519Sign,
  secp256k1PairFromSeed,
  secp256k1Sign,
  sr25519PairFromSeed,
  sr25519Sign,
} from '@polkadot/util-crypto'
import { bytesToHex, type Hex, stringToBytes } from 'viem'

export const SCHEMES = ['sr25519', 'ed25519', 'ecdsa'] as const

/** Somebody with a key on the old chain, who signs as wallets do. */
export interface Person {
  scheme: (typeof SCHEMES)[number]
  account: Hex
  seed: Hex
  /** The bytes that wallets give for a text, of 64 or (ECDSA) 65. */
  sign(text: string): Hex
}

/** Person `index`, the same each time. Call `cryptoWaitReady` before. */
export function personOf(scheme: Person['scheme'], index: number): Person {
  const seed = createHash('sha256').update(`${scheme} ${index}`).digest()
  const common = { scheme, seed: bytesToHex(seed) }
  if (scheme === 'ecdsa') {
    const pair = secp256k1PairFromSeed(seed)
    return {
      ...common,
      account: bytesToHex(blake2AsU8a(pair.publicKey)),
      sign: (text) => bytesToHex(secp256k1Sign(stringToBytes(text), pair, 'blake2')),
    }
  }
  const pair = scheme === 'sr25519' ? sr25519PairFromSeed(seed) : ed25519PairFromSeed(seed)
  const sign = scheme === 'sr25519' ? sr25519Sign : ed25519Sign
  return {
    ...common,
    account: bytesToHex(pair.publicKey),
    sign: (text) => bytesToHex(sign(stringToBytes(text), pair)),
  }
}

export { cryptoWaitReady }
