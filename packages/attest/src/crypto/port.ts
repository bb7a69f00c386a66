/** Hash functions used by evidence. */
export type HashName = 'SHA-256' | 'SHA-384' | 'SHA-512'

/**
 * A public key that is known to lie on its curve. `verify` never throws: a signature of a wrong length is a
 * wrong one.
 */
export interface VerifyKey {
  /**
   * ECDSA: `signature` is r ‖ s of fixed length. RSA: PSS with SHA-384 and a salt of 48 bytes (AMD's
   * choice).
   */
  verify(message: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** What the platform's cryptography does for us: Node's own, or WebCrypto in a browser. */
export interface CryptoPort {
  digest(hash: HashName, data: Uint8Array): Promise<Uint8Array>
  /**
   * `point`: x ‖ y. P-256 goes with SHA-256, P-384 with SHA-384. Throws where the point isn't on the curve.
   */
  ecdsaKey(curve: 'P-256' | 'P-384', point: Uint8Array): Promise<VerifyKey>
  /** `spki`: SubjectPublicKeyInfo in DER, rsaEncryption. Throws where that can't be read. */
  rsaPssKey(spki: Uint8Array): Promise<VerifyKey>
}
