import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto'
import { publicKeyOf } from '@cloister/secrets'
import { bytesToHex, type Hex } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

/** What comes before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The door's keys. All come of the key that the worker gives to this very manifest of this lease alone. */
export interface DoorKeys {
  /** X25519, raw: what requests are sealed to. */
  sealing: { privateKey: Uint8Array; publicKey: Hex }
  /** Signs claims, refunds, and what peers' clients want signed. */
  authorizer: PrivateKeyAccount
  /** Ed25519, for receipts in the form of `aci/1`. */
  receipts: { privateKey: KeyObject; publicKey: string }
}

/** Derives the door's keys (HKDF-SHA256, RFC 5869) from `AgentSocket.sealingKey`. */
export async function deriveKeys(secret: Uint8Array): Promise<DoorKeys> {
  const derive = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), `cloister inference ${purpose}`, 32))
  const privateKey = derive('sealing key')
  const der = Buffer.concat([PKCS8_ED25519, derive('receipt key')])
  const receiptKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(receiptKey).export({ format: 'jwk' })
  return {
    sealing: { privateKey, publicKey: bytesToHex(await publicKeyOf(privateKey)) },
    authorizer: privateKeyToAccount(bytesToHex(derive('authorizer'))),
    receipts: { privateKey: receiptKey, publicKey: Buffer.from(x, 'base64url').toString('hex') },
  }
}
