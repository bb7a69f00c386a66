import { base64url, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { bytesToHex, hexToBytes } from 'viem'

/** A witness's key pair; both hexadecimal. */
export interface WitnessKey {
  publicKey: string
  privateKey: string
}

/** Makes a witness's key. */
export async function newWitnessKey(): Promise<WitnessKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const { x = '', d = '' } = await exportJWK(privateKey)
  return { publicKey: digits(x), privateKey: digits(d) }
}

/** What a witness signs: where a machine stands, or that it doesn't say so any more. */
export interface LabelStatement {
  /** SHA-256(PPID) in hexadecimal digits: the platform's name on chain. */
  platform: string
  label: string
  /** Unix seconds. */
  instant: number
  revoked?: boolean
}

/** Signs a label; see `verifyLabels` for the form. */
export async function signLabel(
  { publicKey, privateKey }: WitnessKey,
  { platform, label, instant, revoked }: LabelStatement,
): Promise<string> {
  const encoded = (hex: string) => base64url.encode(hexToBytes(`0x${hex}`))
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: encoded(publicKey), d: encoded(privateKey) }
  const claims = {
    machine_id: platform.replace(/^0x/, ''),
    label,
    timestamp: instant,
    ...(revoked && { revoked }),
  }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'EdDSA', kid: publicKey, typ: 'JWT' })
    .sign(await importJWK(jwk, 'EdDSA'))
}

/** Hexadecimal digits of base64url, without a prefix. */
function digits(encoded: string): string {
  return bytesToHex(base64url.decode(encoded)).slice(2)
}
