// @peculiar/x509 asks for it.
import 'reflect-metadata'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { equalBytes } from '../bytes.ts'
import { parseCertificate } from '../x509/certificate.ts'

/**
 * Object identifiers of evidence in a TLS certificate, as dstack has them (RA-TLS, 1.3.6.1.4.1.62397.1): the
 * quote and the event log, each as the extension's plain contents.
 */
const QUOTE_OID = '1.3.6.1.4.1.62397.1.1'
const EVENT_LOG_OID = '1.3.6.1.4.1.62397.1.2'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const VALID_DAYS = 90

/** A new TLS key in PEM (PKCS#8, P-256). */
export function newTlsKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString()
}

/** SHA-256 of a TLS key's SubjectPublicKeyInfo, 32 bytes: what a quote's report data binds. `key` in PEM. */
export function tlsKeyHashOf(key: string): Uint8Array {
  return hashOfKey(createPublicKey(key).export({ format: 'der', type: 'spki' }))
}

/**
 * A request for a certificate (PKCS #10, RFC 2986) in DER: for `key`, in PEM, and names that DNS has. Its
 * subject is empty, as authorities want it that certify names.
 */
export async function requestTlsCertificate(key: string, names: readonly string[]): Promise<Uint8Array> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys: await keyPairOf(key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
    ],
  })
  return new Uint8Array(request.rawData)
}

async function keyPairOf(key: string): Promise<webcrypto.CryptoKeyPair> {
  const jwk = createPrivateKey(key).export({ format: 'jwk' })
  const { d: _, ...open } = jwk
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return {
    privateKey: await webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('jwk', open, algorithm, true, ['verify']),
  }
}

interface IssueOptions {
  host: string
  /** Common name of its subject; the host, if not given. Nobody goes by it. */
  name?: string
  quote?: Uint8Array | undefined
  eventLog?: string | undefined
}

/** A self-signed certificate in PEM for `key` that carries a machine's evidence, where there is some. */
export async function issueTlsCertificate(
  key: string,
  { host, name = host, quote, eventLog }: IssueOptions,
): Promise<string> {
  const keys = await keyPairOf(key)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + VALID_DAYS * 86_400_000),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new SubjectAlternativeNameExtension([{ type: /^[\d.]+$|:/.test(host) ? 'ip' : 'dns', value: host }]),
      ...(quote === undefined ? [] : [new Extension(QUOTE_OID, false, new Uint8Array(quote))]),
      ...(eventLog === undefined
        ? []
        : [new Extension(EVENT_LOG_OID, false, new TextEncoder().encode(eventLog))]),
    ],
  })
  return certificate.toString('pem')
}

/**
 * What a worker's TLS certificate says. Throws an `EvidenceError` where it can't be read; nothing is
 * verified.
 */
export function readTlsCertificate(der: Uint8Array): {
  keyHash: Uint8Array
  quote: Uint8Array | undefined
  eventLog: string | undefined
} {
  const { publicKey, extensions } = parseCertificate(der, 'The worker’s TLS certificate')
  const log = extensions.get(EVENT_LOG_OID)
  return {
    keyHash: hashOfKey(publicKey.spki),
    quote: extensions.get(QUOTE_OID)?.value,
    eventLog: log && new TextDecoder().decode(log.value),
  }
}

/** Whether a certificate, as a TLS connection shows it, is for the attested key. */
export function isAttestedKey(der: Uint8Array, keyHash: Uint8Array): boolean {
  return equalBytes(hashOfKey(parseCertificate(der, 'The worker’s TLS certificate').publicKey.spki), keyHash)
}

function hashOfKey(spki: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(spki).digest())
}
