import { CloisterError } from '@cloister/core'
import { ed25519 } from '@noble/curves/ed25519'
import { secp256k1 } from '@noble/curves/secp256k1'
import { Blake2256 } from '@polkadot-api/substrate-bindings'
import { verify as verifySr25519 } from '@scure/sr25519'
import { bytesToHex, concat, type Hex, hexToBytes, stringToBytes, toHex } from 'viem'
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

/** Whether a signature that is in the contract's form already is the account's over the text. */
export function isSignatureOf(signature: ClaimSignature, account: LegacyAccount, text: string): boolean {
  const { scheme, v, r, s } = signature
  const bytes = concat([r, s, scheme === SCHEMES.ecdsa ? toHex(v, { size: 1 }) : '0x'])
  try {
    const read = readSignature(bytes, account, text)
    return (['scheme', 'v', 'x', 'y', 'r', 's'] as const).every((part) => read[part] === signature[part])
  } catch (error) {
    if (error instanceof CloisterError && error.code === 'bad-key') return false
    throw error
  }
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
  const key = hexToBytes(account)
  try {
    if (scheme === 'sr25519') return verifySr25519(message, signature, key)
    // As strict as the contract: by RFC 8032, and not by ZIP-215.
    return ed25519.verify(signature, message, key, { zip215: false })
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
    const signature = secp256k1.Signature.fromCompact(bytes.subarray(0, 64)).addRecoveryBit(v)
    const key = signature.recoverPublicKey(Blake2256(message))
    if (bytesToHex(Blake2256(key.toRawBytes(true))) !== account) return undefined
    // Without the byte that says it is whole (SEC 1, section 2.3.3).
    const whole = key.toRawBytes(false).subarray(1)
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
