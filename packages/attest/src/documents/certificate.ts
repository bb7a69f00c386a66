import { decode } from 'cborg'
import * as z from 'zod'
import { crypto } from '#crypto'
import { toHex } from '../bytes.ts'
import { dstackReportData } from '../dstack/verify.ts'
import { EvidenceError } from '../errors.ts'
import { readExtensions } from '../x509/certificate.ts'
import { expectTag, hasContextTag, readDer, readSequence, TAG } from '../x509/der.ts'
import { type Binding, bareDocument, type EvidenceDocument, padded } from './document.ts'

const WHAT = 'The certificate'
/**
 * Extensions that carry evidence. dstack's: RA-TLS, 1.3.6.1.4.1.62397.1; Gramine's: its RA-TLS before 1.4.
 */
const DSTACK_QUOTE = '1.3.6.1.4.1.62397.1.1'
const DSTACK_EVENT_LOG = '1.3.6.1.4.1.62397.1.2'
const GRAMINE_QUOTE = '1.2.840.113741.1337.6'
/** TCG DICE Attestation Architecture, section 6.1: tagged evidence, in CBOR. */
const TAGGED_EVIDENCE = '2.23.133.5.4.9'
/** Tag of a TDX or SGX quote with its claims (Interoperable RA-TLS, section 4). */
const QUOTE_TAG = 60_000

/**
 * The evidence in a TLS certificate, and the ways in which its key may be bound to it. Throws an
 * `EvidenceError`.
 */
export async function readCertificateDocument(der: Uint8Array): Promise<EvidenceDocument> {
  const { spki, extensions } = readParts(der)
  const quote = extensions.get(DSTACK_QUOTE) ?? extensions.get(GRAMINE_QUOTE)
  const tagged = extensions.get(TAGGED_EVIDENCE)
  const key: Binding = {
    what: 'the certificate’s key',
    accepted: [
      toHex(await dstackReportData('ratls-cert', spki)),
      padded(toHex(await crypto.digest('SHA-256', spki))),
    ],
    source: 'RA-TLS (dstack: SHA-512 of `ratls-cert:` and the key; Gramine: SHA-256 of the key)',
  }
  if (quote) {
    const log = extensions.get(DSTACK_EVENT_LOG)
    return {
      ...bareDocument('RA-TLS certificate', kindOfQuote(contentsOf(quote.value)), contentsOf(quote.value)),
      ...(log && { eventLog: new TextDecoder().decode(contentsOf(log.value)) }),
      bindings: [key],
    }
  }
  if (tagged) return readTagged(tagged.value, spki)
  throw new EvidenceError(
    'no-evidence',
    'The certificate carries no evidence: none of its extensions is known to hold any.',
  )
}

/** TEE type in a quote's header (Intel TDX DCAP Quoting Library API, A.3.1): 0x81 is TDX. */
export function kindOfQuote(quote: Uint8Array): 'tdx' | 'sgx' {
  return quote[4] === 0x81 ? 'tdx' : 'sgx'
}

/** Key and extensions of a certificate, whatever signs it (RFC 5280, section 4.1). */
function readParts(der: Uint8Array) {
  const [tbs] = readSequence(readDer(der, WHAT), WHAT)
  const parts = readSequence(tbs, WHAT)
  // Version, serial number, algorithm, issuer, validity, subject, key.
  if (!hasContextTag(parts[0], 0)) throw new EvidenceError('bad-certificate', `${WHAT} is not of version 3.`)
  return {
    spki: expectTag(parts[6], TAG.sequence, WHAT).raw,
    extensions: readExtensions(
      parts.find((part) => hasContextTag(part, 3)),
      WHAT,
    ),
  }
}

/** Some writers put an OCTET STRING into the extension, others the evidence itself. */
function contentsOf(value: Uint8Array): Uint8Array {
  if (value[0] !== TAG.octetString) return value
  try {
    return expectTag(readDer(value, WHAT), TAG.octetString, WHAT).contents
  } catch {
    return value
  }
}

const Tagged = z.tuple([z.instanceof(Uint8Array), z.instanceof(Uint8Array)])
const Claims = z.map(z.string(), z.unknown())
const KeyHash = z.tuple([z.number(), z.instanceof(Uint8Array)])
const SHA = { 1: 'SHA-256', 7: 'SHA-384', 8: 'SHA-512' } as const

/** A quote whose report data is the hash of claims, one of which is the hash of the key. */
async function readTagged(value: Uint8Array, spki: Uint8Array): Promise<EvidenceDocument> {
  let parsed: z.infer<typeof Tagged>
  let claims: z.infer<typeof Claims>
  try {
    parsed = Tagged.parse(decode(value, { tags: { [QUOTE_TAG]: (read: () => unknown) => read() } }))
    claims = Claims.parse(decode(parsed[1], { useMaps: true }))
  } catch (cause) {
    throw new EvidenceError('bad-document', 'The certificate’s tagged evidence is no quote with claims.', {
      cause,
    })
  }
  const [quote, buffer] = parsed
  const hash = KeyHash.safeParse(decodeClaim(claims.get('pubkey-hash'))).data
  const algorithm = SHA[hash?.[0] as keyof typeof SHA]
  const isKeys = hash && algorithm && toHex(await crypto.digest(algorithm, spki)) === toHex(hash[1])
  return {
    ...bareDocument('RA-TLS certificate (tagged evidence)', kindOfQuote(quote), quote),
    bindings: [
      {
        what: 'the certificate’s key, through its claims',
        accepted: isKeys ? [padded(toHex(await crypto.digest('SHA-256', buffer)))] : [],
        source: 'Interoperable RA-TLS, section 4: SHA-256 of the claims, which hold the hash of the key',
      },
    ],
  }
}

/** A claim is CBOR within CBOR with some writers. */
function decodeClaim(claim: unknown): unknown {
  if (!(claim instanceof Uint8Array)) return claim
  try {
    return decode(claim)
  } catch {
    return undefined
  }
}
