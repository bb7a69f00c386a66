import { fromBase64 } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

const BLOCK = /-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----/g
const MAX_CERTIFICATES = 8
const MAX_CHARACTERS = 64 * 1024

/**
 * The base64 texts of the certificates in a PEM file (RFC 7468), in order. Between them only white space is
 * allowed, and a closing NUL as in quotes. Throws `bad-pem`.
 */
export function splitPem(text: string, what: string): string[] {
  if (text.length > MAX_CHARACTERS)
    throw new EvidenceError('bad-pem', `${what} is longer than ${MAX_CHARACTERS} characters.`)
  const found: string[] = []
  const rest = text.replace(BLOCK, (_, base64: string) => {
    found.push(base64.replace(/[\r\n]/g, ''))
    return ''
  })
  if (!/^[\s\0]*$/.test(rest))
    throw new EvidenceError('bad-pem', `${what} holds something other than certificates in PEM form.`)
  if (found.length === 0 || found.length > MAX_CERTIFICATES)
    throw new EvidenceError(
      'bad-pem',
      `${what} holds ${found.length} certificates; 1 to ${MAX_CERTIFICATES} would do.`,
    )
  return found
}

/** The certificates in a PEM file, as DER. Throws `bad-pem` or `bad-base64`. */
export function readPem(text: string, what: string): Uint8Array<ArrayBuffer>[] {
  return splitPem(text, what).map((base64) => fromBase64(base64, what))
}

/** A certificate in PEM form (RFC 7468, section 5). */
export function toPem(der: Uint8Array): string {
  let binary = ''
  for (const byte of der) binary += String.fromCharCode(byte)
  const lines = btoa(binary).match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
