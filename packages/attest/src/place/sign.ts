import { base64url, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { fromHex, toHex } from '../bytes.ts'

/** A witness's key pair; both hexadecimal. */
export interface WitnessKey {
  publicKey: string
  privateKey: string
}

/** Makes a witness's key. */
export async function newWitnessKey(): Promise<WitnessKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const { x = '', d = '' } = await exportJWK(privateKey)
  return { publicKey: toHex(base64url.decode(x)), privateKey: toHex(base64url.decode(d)) }
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
  const encoded = (hex: string) => base64url.encode(fromHex(hex, 'The witness’s key'))
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
