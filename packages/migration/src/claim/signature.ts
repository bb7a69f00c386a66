import { CloisterError } from '@cloister/core'
import {
  blake2AsU8a,
  ed25519Verify,
  secp256k1Expand,
  secp256k1Recover,
  sr25519Verify,
} from '@polkadot/util-crypto'
import { bytesToHex, type Hex, hexToBytes, stringToBytes } from 'viem'
import { type LegacyAccount, showAccount } from '../account.ts'

/** How keys of the old chain sign; the numbers are the contract's. */
export const SCHEMES = { sr25519: 1, ed25519: 2, ecdsa: 3 } as const
export type Scheme = keyof typeof SCHEMES

/** A signature as Claims takes it (IClaims, `Signature`). */
export interface ClaimSignature {
  scheme: (typeof SCHEMES)[Scheme]
  v: number
  x: Hex
  y: Hex
  r: Hex
  s: Hex
}

const ZERO: Hex = `0x${'00'.repeat(32)}`
const HEX = /^(0x)?([0-9a-fA-F]{2}){64,66}$/
/** SS58, for messages: every chain's wallets take it. */
const ANY_CHAIN = 42

/**
 * What a wallet gave for a text, as the contract takes it: 64 bytes of sr25519 or Ed25519, 65 of ECDSA, and
 * either with a byte for its scheme before it. It is checked to be that account's over that very text, so
 * that nobody pays for a transaction that can't succeed. Throws `bad-key`.
 */
export function readSignature(given: string, account: LegacyAccount, text: string): ClaimSignature {
  const trimmed = given.trim()
  if (!HEX.test(trimmed))
    throw new CloisterError('bad-key', 'That is no signature: it has 0x and 128 to 132 hexadecimal digits.', {
      hint: 'Paste what the wallet showed, whole.',
    })
  const bytes = hexToBytes(`0x${trimmed.replace(/^0x/, '')}`)
  const message = stringToBytes(text)
  for (const [scheme, signature] of formsOf(bytes)) {
    const found = scheme === 'ecdsa' ? recovered(signature, account, message) : undefined
    if (found) return found
    if (scheme !== 'ecdsa' && holds(scheme, signature, account, message))
      return {
        scheme: SCHEMES[scheme],
        v: 0,
        x: account,
        y: ZERO,
        r: part(signature, 0),
        s: part(signature, 32),
      }
  }
  throw new CloisterError(
    'bad-key',
    `That is no signature of ${showAccount(account, ANY_CHAIN)} over the text.`,
    {
      hint: 'Sign exactly the text that was printed, with the account’s own key; wallets wrap it by themselves.',
    },
  )
}

/** What the bytes may be. */
function* formsOf(bytes: Uint8Array): Generator<[Scheme, Uint8Array]> {
  const rest = bytes.subarray(1)
  if (bytes.length === 64) yield* [['sr25519', bytes] as [Scheme, Uint8Array], ['ed25519', bytes]]
  else if (bytes.length === 65) {
    // sp-runtime, MultiSignature: the first byte says which.
    if (bytes[0] === 0) yield ['ed25519', rest]
    if (bytes[0] === 1) yield ['sr25519', rest]
    yield ['ecdsa', bytes]
  } else if (bytes[0] === 2) yield ['ecdsa', rest]
}

function holds(
  scheme: 'sr25519' | 'ed25519',
  signature: Uint8Array,
  account: LegacyAccount,
  message: Uint8Array,
): boolean {
  const verify = scheme === 'sr25519' ? sr25519Verify : ed25519Verify
  try {
    return verify(message, signature, hexToBytes(account))
  } catch {
    // The libraries throw for what is no point of the group.
    return false
  }
}

/** ECDSA: the key comes out of the signature, and its hash is the account. */
function recovered(
  bytes: Uint8Array,
  account: LegacyAccount,
  message: Uint8Array,
): ClaimSignature | undefined {
  const last = bytes[64] ?? 0
  const v = last >= 27 ? last - 27 : last
  if (v > 1) return undefined
  try {
    const key = secp256k1Recover(blake2AsU8a(message), bytes.subarray(0, 64), v)
    if (bytesToHex(blake2AsU8a(key)) !== account) return undefined
    const whole = secp256k1Expand(key)
    return {
      scheme: SCHEMES.ecdsa,
      v,
      x: part(whole, 0),
      y: part(whole, 32),
      r: part(bytes, 0),
      s: part(bytes, 32),
    }
  } catch {
    return undefined
  }
}

function part(bytes: Uint8Array, at: number): Hex {
  return bytesToHex(bytes.subarray(at, at + 32))
}
