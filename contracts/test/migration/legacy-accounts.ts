import {
  blake2AsU8a,
  createKeyMulti,
  ed25519PairFromSeed,
  ed25519Sign,
  secp256k1Compress,
  secp256k1Expand,
  secp256k1PairFromSeed,
  secp256k1Sign,
  sr25519PairFromSeed,
  sr25519Sign,
} from '@polkadot/util-crypto'
import { type Hex, stringToBytes, toHex } from 'viem'

/** A signature as the contract takes it. */
export interface Signature {
  scheme: number
  v: number
  x: Hex
  y: Hex
  r: Hex
  s: Hex
}

/** An account of a Substrate chain, with its key. */
export interface LegacyAccount {
  scheme: 'sr25519' | 'ed25519' | 'ecdsa'
  /** Its AccountId. */
  account: Hex
  publicKey: Uint8Array
  sign(text: string): Signature
}

const ZERO: Hex = `0x${'00'.repeat(32)}`
const SCHEMES = { sr25519: 1, ed25519: 2, ecdsa: 3 } as const

/** The account of a seed, which signs as wallets do: with Substrate's own libraries. */
export function legacyAccount(scheme: LegacyAccount['scheme'], seed: Uint8Array): LegacyAccount {
  if (scheme === 'ecdsa') {
    const { publicKey, secretKey } = secp256k1PairFromSeed(seed)
    const whole = secp256k1Expand(publicKey)
    return {
      scheme,
      account: toHex(blake2AsU8a(secp256k1Compress(publicKey))),
      publicKey,
      sign: (text) => {
        const signed = secp256k1Sign(stringToBytes(text), { secretKey }, 'blake2')
        return { ...halves(scheme, signed), x: part(whole, 0), y: part(whole, 32), v: signed[64] ?? 0 }
      },
    }
  }
  const pair = scheme === 'sr25519' ? sr25519PairFromSeed(seed) : ed25519PairFromSeed(seed)
  const sign = scheme === 'sr25519' ? sr25519Sign : ed25519Sign
  return {
    scheme,
    account: toHex(pair.publicKey),
    publicKey: pair.publicKey,
    sign: (text) => ({
      ...halves(scheme, sign(stringToBytes(text), pair)),
      x: toHex(pair.publicKey),
      y: ZERO,
      v: 0,
    }),
  }
}

/** The account that several make, of whom `threshold` have to sign; its members in order. */
export function multisigOf(accounts: readonly LegacyAccount[], threshold: number) {
  const members = accounts.toSorted((one, other) => (one.account < other.account ? -1 : 1))
  const account = toHex(
    createKeyMulti(
      members.map((member) => member.account),
      threshold,
    ),
  )
  return { account, members, threshold }
}

function halves(scheme: LegacyAccount['scheme'], signed: Uint8Array) {
  return { scheme: SCHEMES[scheme], r: part(signed, 0), s: part(signed, 32) }
}

function part(bytes: Uint8Array, at: number): Hex {
  return toHex(bytes.subarray(at, at + 32))
}
