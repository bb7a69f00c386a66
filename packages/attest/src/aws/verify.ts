import { decode, encode } from 'cborg'
import * as z from 'zod'
import { fromBase64, isZero, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { Findings, type Rule } from '../findings.ts'
import type { TrustRoot } from '../intel/root.ts'
import { AWS_NITRO } from '../vendor-roots.ts'
import type { Verdict } from '../verdict.ts'
import { type Certificate, keyOf, parseCertificate } from '../x509/certificate.ts'
import { expiredIn, flawOfChain } from '../x509/chain.ts'

const MAX_DOCUMENT_BYTES = 64 * 1024
/** COSE algorithm ES384 (RFC 9053, table 1), under header label 1. */
const ALGORITHM_LABEL = 1
const ES384 = -35
const NITRO =
  'AWS Nitro Enclaves, attestation process (aws-nitro-enclaves-nsm-api, docs/attestation_process.md)'

const bytes = z.instanceof(Uint8Array)
/** CBOR maps come as Map; this one has names for keys. */
const named = (value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value)
const PayloadFields = z.object({
  module_id: z.string().max(256),
  digest: z.literal('SHA384'),
  timestamp: z.number().int().positive(),
  pcrs: z.map(
    z.number().int().min(0).max(31),
    bytes.refine(({ length }) => [32, 48, 64].includes(length)),
  ),
  certificate: bytes,
  cabundle: z.array(bytes).min(1).max(8),
  public_key: bytes.nullish(),
  user_data: bytes.nullish(),
  nonce: bytes.nullish(),
})
const Payload = z.preprocess(named, PayloadFields)
const Signed = z.tuple([bytes, z.map(z.any(), z.any()), bytes, bytes])

interface AmazonRoot {
  name: 'aws'
  certificate: Certificate
}

let amazonRoot: AmazonRoot | undefined

/** Read when it is first needed: few commands judge what Amazon signs. */
function rootOfAmazon(): AmazonRoot {
  amazonRoot ??= {
    name: 'aws',
    certificate: parseCertificate(fromBase64(AWS_NITRO, 'Amazon’s root'), 'Amazon’s root'),
  }
  return amazonRoot
}

const RULE = {
  algorithm: {
    code: 'cose-algorithm',
    title: 'The document is signed with ES384',
    source: 'RFC 9053, section 2.1',
    otherwise: 'The document is signed in another way than ES384.',
  },
  signature: {
    code: 'cose-signature',
    title: 'The document is signed by the enclave’s certificate',
    source: 'RFC 9052, section 4.4',
    otherwise: 'The signature on the document is wrong.',
  },
  chain: {
    code: 'nitro-chain',
    title: 'The enclave’s certificate chains to Amazon’s root',
    source: NITRO,
    otherwise: 'The enclave’s certificate does not chain to Amazon’s root.',
  },
  time: {
    code: 'nitro-time',
    title: 'The chain is valid at the instant',
    source: 'RFC 5280, section 4.1.2.5',
    otherwise: 'The chain is not valid at the instant.',
  },
  debug: {
    code: 'debug',
    title: 'Debug is off (its first three PCRs are not zero)',
    source: NITRO,
    otherwise: 'Debug is on: the parent instance can look into the enclave.',
  },
} satisfies Record<string, Rule>

/**
 * Verifies a Nitro attestation document, a COSE_Sign1 structure with or without its tag, offline.
 * `reportData` of the verdict is its user data; PCRs are the measurements. AWS has no TCB status. A
 * development root given as `root` takes the place of Amazon's. Never throws for what is in the evidence.
 */
export async function verifyNitroDocument(
  document: Uint8Array,
  { instant, root }: { instant: number; root?: TrustRoot | AmazonRoot },
): Promise<Verdict> {
  // Intel's root goes with the vendors' own.
  const { certificate, name } = root?.name === 'devnet' ? root : rootOfAmazon()
  const findings = new Findings()
  let payload: z.infer<typeof Payload> | undefined
  let chained = false
  await findings.attempt(async () => {
    const [protectedHeader, , body, signature] = parse(Signed, document, 'The Nitro document')
    payload = parse(Payload, body, 'The payload of the Nitro document')
    const header = parse(z.map(z.any(), z.any()), protectedHeader, 'The header of the Nitro document')
    findings.note(
      RULE.algorithm,
      header.get(ALGORITHM_LABEL) === ES384,
      String(header.get(ALGORITHM_LABEL)),
      String(ES384),
    )
    // From the enclave up; the bundle starts with the root.
    const chain = [payload.certificate, ...payload.cabundle.toReversed()].map((der) =>
      parseCertificate(der, 'A certificate of the Nitro document'),
    )
    const flaw = await flawOfChain(chain, certificate)
    chained = findings.note(RULE.chain, flaw === undefined, flaw)
    const expired = expiredIn(chain, instant)
    findings.note(RULE.time, expired === undefined, expired?.name)
    const leaf = chain[0] as Certificate
    const key = leaf.publicKey.kind === 'P-384' ? await keyOf(leaf) : undefined
    const signed = encode(['Signature1', protectedHeader, new Uint8Array(), body])
    findings.note(RULE.signature, (await key?.verify(signed, signature)) === true)
    findings.note(RULE.debug, !isDebug(payload))
  })
  const pcrs = [...(payload?.pcrs ?? [])].sort(([a], [b]) => a - b)
  return {
    genuine: findings.problems.length === 0 && payload !== undefined,
    kind: 'nitro',
    root: chained ? name : undefined,
    simulated: chained && name === 'devnet',
    tcb: undefined,
    measurements: Object.fromEntries(pcrs.map(([index, value]) => [`pcr${index}`, toHex(value)])),
    reportData: toHex(payload?.user_data ?? new Uint8Array()),
    debug: payload !== undefined && isDebug(payload),
    platform: undefined,
    claims: payload ? claimsOf(payload) : {},
    instant,
    checks: findings.checks,
    problems: findings.problems,
  }
}

/** Reads the payload of a Nitro document. Throws `bad-document`. Nothing is verified. */
export function parseNitroDocument(document: Uint8Array): z.output<typeof PayloadFields> {
  const [, , body] = parse(Signed, document, 'The Nitro document')
  return parse(Payload, body, 'The payload of the Nitro document')
}

function isDebug({ pcrs }: z.infer<typeof Payload>): boolean {
  const first = [0, 1, 2].map((index) => pcrs.get(index)).filter((pcr) => pcr !== undefined)
  return first.length > 0 && first.every(isZero)
}

function claimsOf({
  module_id,
  timestamp,
  nonce,
  public_key,
}: z.infer<typeof Payload>): Record<string, string> {
  return {
    moduleId: module_id,
    madeAt: new Date(timestamp).toISOString(),
    ...(nonce && { nonce: toHex(nonce) }),
    ...(public_key && { publicKey: toHex(public_key) }),
  }
}

/**
 * CBOR with bounds: no duplicate keys, shortest numbers, no tag but COSE_Sign1's. The payload's map is of
 * indefinite length.
 */
function parse<T extends z.ZodType>(schema: T, data: Uint8Array, what: string): z.output<T> {
  if (data.length > MAX_DOCUMENT_BYTES)
    throw new EvidenceError('bad-document', `${what} is longer than ${MAX_DOCUMENT_BYTES} bytes.`)
  let value: unknown
  try {
    const untagged = data[0] === 0xd2 ? data.subarray(1) : data
    value = decode(untagged, { useMaps: true, rejectDuplicateMapKeys: true, strict: true })
  } catch (cause) {
    throw new EvidenceError('bad-document', `${what} is not well-formed CBOR.`, { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new EvidenceError(
    'bad-document',
    `${what} is wrong at ${parsed.error.issues[0]?.path.join('.') || 'its root'}.`,
  )
}
