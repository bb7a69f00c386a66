import * as z from 'zod'
import { crypto } from '#crypto'
import { concatBytes, fromHex, toHex } from '../bytes.ts'
import {
  type Binding,
  bareDocument,
  type EvidenceDocument,
  type GpuDocument,
  padded,
  unreadable,
} from './document.ts'
import { decodeText } from './encoding.ts'

const text = z.string().max(8_000_000)
const hash = z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/)

const GpuPayload = z.object({
  nonce: z.string().max(256).optional(),
  evidence_list: z.array(z.object({ evidence: text, certificate: text })).max(64),
})

/**
 * One machine's part in a report of a private inference service (vllm-proxy, private-ai-gateway, cloud-api).
 */
const InferenceAttestation = z.object({
  signing_address: z.string().regex(/^(0x)?([0-9a-fA-F]{2}){20,64}$/),
  signing_algo: z.string().max(32).nullish(),
  request_nonce: z.string().max(256).nullish(),
  intel_quote: text,
  nvidia_payload: z.union([text, GpuPayload]).nullish(),
  event_log: z.union([text, z.array(z.unknown()).max(10_000)]).nullish(),
  tls_cert_fingerprint: hash.nullish(),
  model_name: z.string().max(256).nullish(),
})

/** A report of `GET /v1/attestation/report`: one machine's, or a gateway's and its models'. */
const InferenceReport = z.object({
  gateway_attestation: z.unknown().optional(),
  model_attestations: z.array(z.unknown()).max(64).optional(),
  all_attestations: z.array(z.unknown()).max(64).optional(),
})

/** Reads all machines' parts of a report. Throws `bad-document`. */
export async function readInferenceReport(report: unknown): Promise<EvidenceDocument[]> {
  const {
    gateway_attestation: gateway,
    model_attestations: models = [],
    all_attestations: all = [],
  } = InferenceReport.parse(report)
  const own = InferenceAttestation.safeParse(report).success ? [report] : []
  const parts = [
    ...(gateway === undefined ? [] : [{ form: 'private inference report: gateway', part: gateway }]),
    ...[...models, ...(all.length > 0 ? all : own)].map((part) => ({
      form: 'private inference report: model',
      part,
    })),
  ]
  return Promise.all(parts.map(({ form, part }) => readAttestation(form, part)))
}

async function readAttestation(form: string, part: unknown): Promise<EvidenceDocument> {
  const parsed = InferenceAttestation.safeParse(part)
  if (!parsed.success)
    throw unreadable('a private inference report', `it is wrong at ${parsed.error.issues[0]?.path.join('.')}`)
  const {
    signing_address: address,
    request_nonce: nonce,
    intel_quote,
    event_log: log,
    tls_cert_fingerprint: key,
    model_name,
  } = parsed.data
  const quote = decodeText(intel_quote)
  if (!quote)
    throw unreadable('a private inference report', 'its quote is neither hexadecimal digits nor base64')
  const isNonce = nonce !== null && nonce !== undefined && hash.safeParse(nonce).success
  return {
    ...bareDocument(form, 'tdx', quote),
    ...(log && { eventLog: typeof log === 'string' ? log : JSON.stringify(log) }),
    ...(isNonce && { nonce: plain(nonce) }),
    bindings: [await signingKey(address, isNonce ? nonce : undefined, key ?? undefined)],
    gpus: readGpus(parsed.data.nvidia_payload),
    claims: { signingAddress: address, ...(model_name && { model: model_name }) },
  }
}

/**
 * Report data of these services: the signing address filled up with zeros to 32 bytes, or SHA-256 of address
 * and TLS key hash; then the number that was asked for.
 */
async function signingKey(
  address: string,
  nonce: string | undefined,
  tlsKey: string | undefined,
): Promise<Binding> {
  const signer = fromHex(address, 'The signing address')
  const bound = tlsKey === undefined ? signer : concatBytes(signer, fromHex(tlsKey, 'The TLS key hash'))
  const first =
    tlsKey === undefined && signer.length <= 32
      ? toHex(signer).padEnd(64, '0')
      : toHex(await crypto.digest('SHA-256', bound))
  return {
    what: `the key that signs answers${tlsKey === undefined ? '' : ', the TLS key'}${nonce === undefined ? '' : ', and the number that was asked for'}`,
    accepted: [padded(first + (nonce === undefined ? '' : plain(nonce)))],
    source: 'vllm-proxy and cloud-api, attestation report',
  }
}

function readGpus(payload: z.infer<typeof InferenceAttestation>['nvidia_payload']): GpuDocument[] {
  if (payload === null || payload === undefined) return []
  let parsed: z.infer<typeof GpuPayload>
  try {
    parsed = GpuPayload.parse(typeof payload === 'string' ? JSON.parse(payload) : payload)
  } catch (cause) {
    throw unreadable('a private inference report', 'its GPUs’ evidence can not be read', cause)
  }
  return parsed.evidence_list.map(({ evidence, certificate }) => {
    const [report, chain] = [decodeText(evidence), decodeText(certificate)]
    if (!report || !chain) throw unreadable('a private inference report', 'a GPU’s evidence is not base64')
    return { report, certificates: new TextDecoder().decode(chain) }
  })
}

/** A report of `GET /v1/aci/attestation` (Attested Confidential Inference, aci/1). */
export const AciReport = z.object({
  api_version: z.literal('aci/1'),
  attestation: z.object({
    tee_type: z.string().max(32),
    workload_keyset: z.unknown().optional(),
    workload_keyset_b64: text.optional(),
    report_data: z.string().max(256),
    evidence: z.object({
      quote: text,
      event_log: z.union([text, z.array(z.unknown()).max(10_000)]).nullish(),
      app_compose: text.nullish(),
    }),
  }),
})

/**
 * Reads an ACI report. Its statement is SHA-256 of a line with the digest of the keys and the number asked
 * for (aci/1, section 3.2); where the one who asks doesn't say that number, only the form without one can be
 * held against it. Throws `bad-document`.
 */
export async function readAciReport(
  report: z.infer<typeof AciReport>,
  nonce?: string,
): Promise<EvidenceDocument> {
  const { tee_type, workload_keyset, workload_keyset_b64, evidence } = report.attestation
  const quote = decodeText(evidence.quote)
  if (tee_type !== 'tdx' || !quote)
    throw unreadable('an ACI report', `its evidence is no TDX quote (${JSON.stringify(tee_type)})`)
  const served = workload_keyset_b64 === undefined ? undefined : decodeText(workload_keyset_b64)
  const keyset = served ?? new TextEncoder().encode(canonical(workload_keyset))
  const digest = toHex(await crypto.digest('SHA-256', keyset))
  const line = (number: string) =>
    `{"keyset_digest":"sha256:${digest}","nonce":${number},"purpose":"aci.report_data.v1"}`
  const statements = [...(nonce === undefined ? [] : [line(`"${plain(nonce)}"`)]), line('null')]
  const accepted = await Promise.all(
    statements.map(async (text) =>
      padded(toHex(await crypto.digest('SHA-256', new TextEncoder().encode(text)))),
    ),
  )
  const { event_log: log, app_compose: compose } = evidence
  return {
    ...bareDocument('ACI attestation report', 'tdx', quote),
    ...(log && { eventLog: typeof log === 'string' ? log : JSON.stringify(log) }),
    ...(compose && { compose: new TextEncoder().encode(compose) }),
    bindings: [
      { what: 'the service’s keys', accepted, source: 'Attested Confidential Inference aci/1, section 3.2' },
    ],
    claims: { keysetDigest: `sha256:${digest}` },
  }
}

function plain(hex: string): string {
  return hex.replace(/^0x/, '').toLowerCase()
}

/** Canonical JSON (RFC 8785) of what a keyset holds: strings, whole numbers, null, lists and objects. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
