import { EvidenceError } from '../errors.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { readPem } from '../x509/pem.ts'
import { type PckFacts, readPck } from './pck.ts'
import { parseQuote } from './quote.ts'

/** What a contract needs to know a platform by. */
export interface PlatformCertificates {
  /** PCK certificate and its issuer in DER, as `Platforms.registerPlatform` takes them. */
  pck: Uint8Array
  authority: Uint8Array
  /**
   * The issuer's public key, x ‖ y, and the PCK certificate's serial number: together they name the PCK key
   * on chain.
   */
  authorityKey: Uint8Array
  serial: bigint
  /** The issuer's own serial number, which names it under the root. */
  authoritySerial: bigint
}

/**
 * The certificates that a quote carries. Throws an `EvidenceError` where it carries none. Nothing is
 * verified.
 */
export function platformCertificates(quote: Uint8Array): PlatformCertificates {
  const { certificationData } = parseQuote(quote)
  const [pck, authority] = readPem(
    new TextDecoder('latin1').decode(certificationData),
    'The quote’s PCK chain',
  )
  if (!pck || !authority)
    throw new EvidenceError('no-pck-chain', 'The quote carries no PCK certificate with its issuer.')
  const { serial } = parseCertificate(pck, 'The PCK certificate')
  const issuer = parseCertificate(authority, 'The issuer of the PCK certificate')
  const numbers = { serial: BigInt(`0x${serial}`), authoritySerial: BigInt(`0x${issuer.serial}`) }
  return { pck, authority, authorityKey: issuer.publicKey.point, ...numbers }
}

/** What the PCK certificate that a quote carries says of its platform. Nothing is verified. */
export function pckOf(quote: Uint8Array): PckFacts {
  return readPck(parseCertificate(platformCertificates(quote).pck, 'The PCK certificate'))
}

/**
 * The part of a quote that `Workers.attest` reads: everything before the certificates, which the chain knows
 * already.
 */
export function withoutCertificates(quote: Uint8Array): Uint8Array {
  const { signed, qeAuthData } = parseQuote(quote)
  // Length, signature, key, head of the certification data, enclave report, its signature, length of the
  // authentication data.
  return quote.subarray(0, signed.length + 4 + 64 + 64 + 6 + 384 + 64 + 2 + qeAuthData.length)
}
