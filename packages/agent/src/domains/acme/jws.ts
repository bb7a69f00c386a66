import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'

/** A new key of an account, in PEM (PKCS #8, P-256). */
export function newAccountKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString()
}

/** The key of an account, with what is made of it: ES256, RFC 7518, section 3.4. */
export class AccountKey {
  readonly jwk: { crv: string; kty: string; x: string; y: string }
  private readonly key: KeyObject

  /** `pem`: as `newAccountKey` makes it. */
  constructor(pem: string) {
    this.key = createPrivateKey(pem)
    const { crv = '', kty = '', x = '', y = '' } = createPublicKey(this.key).export({ format: 'jwk' })
    this.jwk = { crv, kty, x, y }
  }

  /** What proves to whoever reads it that an account's holder has answered (RFC 8555, section 8.1). */
  authorizationOf(token: string): string {
    // RFC 7638, section 3: members in this order, without blanks.
    return `${token}.${createHash('sha256').update(JSON.stringify(this.jwk)).digest('base64url')}`
  }

  /** A request's body, signed (RFC 8555, section 6.2). `payload` undefined asks for what is at the URL. */
  sign(url: string, nonce: string, payload: object | undefined, account: string | undefined): string {
    const head = {
      alg: 'ES256',
      nonce,
      url,
      ...(account === undefined ? { jwk: this.jwk } : { kid: account }),
    }
    const protectedPart = Buffer.from(JSON.stringify(head)).toString('base64url')
    const body = payload === undefined ? '' : Buffer.from(JSON.stringify(payload)).toString('base64url')
    const signature = sign('sha256', Buffer.from(`${protectedPart}.${body}`), {
      key: this.key,
      dsaEncoding: 'ieee-p1363',
    })
    return JSON.stringify({
      protected: protectedPart,
      payload: body,
      signature: signature.toString('base64url'),
    })
  }
}
