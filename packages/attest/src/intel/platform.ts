import { keccak_256 } from '@noble/hashes/sha3'
import { crypto } from '#crypto'
import { concatBytes, fromHex, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { readPem } from '../x509/pem.ts'
import { readPck } from './pck.ts'
import { parseQuote } from './quote.ts'

/** What a contract needs to know a platform by. */
export interface PlatformCertificates {
  /** PCK certificate and its issuer in DER, as `Platforms.registerPlatform` takes them. */
  pck: Uint8Array
  authority: Uint8Array
  /** The issuer's public key, x ‖ y, and the PCK certificate's serial number: together they name the PCK key on chain. */
  authorityKey: Uint8Array
  serial: bigint
}

/** The certificates that a quote carries. Throws an `EvidenceError` where it carries none. Nothing is verified. */
export function platformCertificates(quote: Uint8Array): PlatformCertificates {
  const { certificationData } = parseQuote(quote)
  const [pck, authority] = readPem(new TextDecoder('latin1').decode(certificationData), 'The quote’s PCK chain')
  if (!pck || !authority) throw new EvidenceError('no-pck-chain', 'The quote carries no PCK certificate with its issuer.')
  const { serial } = parseCertificate(pck, 'The PCK certificate')
  const { publicKey } = parseCertificate(authority, 'The issuer of the PCK certificate')
  return { pck, authority, authorityKey: publicKey.point, serial: BigInt(`0x${serial}`) }
}

/** What collateral and a contract know a TDX quote's origin by: the family of its platform, and its guest image. Nothing is verified. */
export function platformFamily(quote: Uint8Array): { family: string; image: `0x${string}` } {
  const { body } = parseQuote(quote)
  if (body.kind !== 'tdx') throw new EvidenceError('unsupported-quote', 'The quote is of an enclave, not of a TDX guest.')
  const { fmspc } = readPck(parseCertificate(platformCertificates(quote).pck, 'The PCK certificate'))
  const { mrTd, rtmr } = body.report
  return { family: toHex(fmspc), image: nameOf([mrTd, rtmr[0], rtmr[1], rtmr[2]]) }
}

/** The identity on chain of the machine behind a quote, SHA-256(PPID), 64 hexadecimal digits. Nothing is verified. */
export async function machineOf(quote: Uint8Array): Promise<string> {
  const { ppid } = readPck(parseCertificate(platformCertificates(quote).pck, 'The PCK certificate'))
  return toHex(await crypto.digest('SHA-256', ppid))
}

/** The part of a quote that `Workers.attest` reads: everything before the certificates, which the chain knows already. */
export function withoutCertificates(quote: Uint8Array): Uint8Array {
  const { signed, qeAuthData } = parseQuote(quote)
  // Length, signature, key, head of the certification data, enclave report, its signature, length of the authentication data.
  return quote.subarray(0, signed.length + 4 + 64 + 64 + 6 + 384 + 64 + 2 + qeAuthData.length)
}

/**
 * The name of a guest image on chain: keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2), that is firmware, virtual hardware, kernel,
 * command line and initial disk. `measurements` as in a verdict.
 */
export function imageOf(measurements: Record<string, string>): `0x${string}` {
  return nameOf(['mrtd', 'rtmr0', 'rtmr1', 'rtmr2'].map((name) => fromHex(measurements[name] ?? '', name)))
}

function nameOf(registers: Uint8Array[]): `0x${string}` {
  return `0x${toHex(keccak_256(concatBytes(...registers)))}`
}
