// Routes in the shapes that clients of Phala's and NEAR's services read: receipts and reports of `aci/1`
// (Dstack-TEE/private-ai-gateway, spec/aci.md), and the older signatures by answer (vllm-proxy). What can't
// be as theirs says so: the quote is bound as all quotes of our workers' are (`workloadFreshness`), so its
// report data is not the statement's digest itself, and `tee_type` names an extension of ours.
import { createHash, sign } from 'node:crypto'
import { CloisterError, fromBase64, toCanonicalJson, utf8 } from '@cloister/core'
import type { WorkerEvidence } from '@cloister/workload/wire'
import { bytesToHex, type Hex } from 'viem'
import type { Endpoint } from '../protocol/endpoint.ts'
import { RECEIPT_ID } from '../protocol/receipt.ts'
import type { Page } from './door.ts'
import type { DoorKeys } from './keys.ts'
import type { Store } from './store.ts'

/** Milliseconds for which a keyset of `aci/1` is the same. */
const KEYSET_MS = 30 * 86_400_000
const NONCE = /^[0-9a-f]{64}$/
const KEY_ID = 'receipts-1'

/** What these routes are made of. */
export interface PeerParts {
  endpoint: () => Endpoint
  keys: DoorKeys
  store: Store
  agent: { quote(data: Hex): Promise<WorkerEvidence> }
}

/** The pages of peers' clients. */
export function peerPages(parts: PeerParts): Page[] {
  return [
    ([v1, what, one, ...more], query) => {
      if (v1 !== 'v1' || one === undefined) return undefined
      if (what === 'signature' && more.length === 0)
        return page(signature(parts, one, query.get('signing_algo') ?? 'ecdsa'))
      if (what === 'attestation' && one === 'report' && more.length === 0)
        return page(report(parts, query.get('nonce')))
      if (what === 'aci' && one === 'attestation' && more.length === 0)
        return page(attestation(parts, query.get('nonce')))
      if (what === 'aci' && one === 'receipts' && more.length === 1)
        return page(receipt(parts, more[0] ?? ''))
      return undefined
    },
  ]
}

async function page(json: Promise<unknown>) {
  return { json: await json }
}

/** `GET /v1/signature/{chat_id}`: hashes of request and answer, signed by a key that quotes name. */
async function signature({ keys, store }: PeerParts, answer: string, algorithm: string): Promise<unknown> {
  const { details } = keptReceipt(store, answer)
  const text = `${details.request.slice(2)}:${details.response.slice(2)}`
  if (algorithm === 'ecdsa')
    return {
      text,
      signature: await keys.authorizer.signMessage({ message: text }),
      signing_address: keys.authorizer.address,
      signing_algo: 'ecdsa',
      signature_kind: 'provider_tee',
    }
  if (algorithm === 'ed25519')
    return {
      text,
      signature: sign(null, utf8(text), keys.receipts.privateKey).toString('hex'),
      signing_address: keys.receipts.publicKey,
      signing_algo: 'ed25519',
      signature_kind: 'provider_tee',
    }
  throw new CloisterError('bad-request', 'Signatures are by ecdsa or ed25519.')
}

/** `GET /v1/attestation/report?nonce=`: the older report of one model. */
async function report({ endpoint, keys, agent }: PeerParts, asked: string | null): Promise<unknown> {
  const nonce = nonceOf(asked) ?? '0'.repeat(64)
  const { options, lease, manifestHash, worker } = endpoint()
  const signer = keys.authorizer.address.slice(2).toLowerCase()
  // What theirs puts into the report data itself: the signer's address padded, and the nonce.
  const bound = bytesToHex(
    createHash('sha256')
      .update(Buffer.from(signer.padEnd(64, '0') + nonce, 'hex'))
      .digest(),
  )
  const evidence = await agent.quote(bound)
  const attested = {
    model_name: options.model,
    signing_address: keys.authorizer.address,
    signing_algo: 'ecdsa',
    signing_public_key: keys.authorizer.publicKey,
    request_nonce: nonce,
    intel_quote: evidence.kind === 'tdx' ? bytesToHex(fromBase64(evidence.quote)).slice(2) : '',
    nvidia_payload: '',
    event_log: evidence.eventLog ?? '',
    info: {
      lease,
      manifest_hash: manifestHash,
      worker,
      options,
      evidence,
      /** SHA-256 of the padded address and the nonce: what the worker was asked to quote. */
      bound,
      binding: 'sha256(purpose "cloister workload quote", lease, manifest hash, bound)',
    },
  }
  return { ...attested, all_attestations: [attested] }
}

/** `GET /v1/aci/attestation?nonce=`: the report of `aci/1`, section 4. */
async function attestation({ endpoint, keys, agent }: PeerParts, asked: string | null): Promise<unknown> {
  const nonce = nonceOf(asked)
  const keyset = keysetAt(keys, Date.now())
  const digest = digestOf(toCanonicalJson(keyset))
  const statement = toCanonicalJson({
    keyset_digest: digest,
    nonce: nonce ?? null,
    purpose: 'aci.report_data.v1',
  })
  const reportData = createHash('sha256').update(statement).digest('hex')
  const { options, lease, manifestHash } = endpoint()
  const evidence = await agent.quote(`0x${reportData}`)
  return {
    api_version: 'aci/1',
    workload_keyset_digest: digest,
    attestation: {
      tee_type: `cloister-${evidence.kind}`,
      workload_keyset: keyset,
      report_data: reportData,
      source_provenance: {
        repo_url: null,
        repo_commit: null,
        image_digest: options.door,
        image_provenance: null,
      },
      evidence: { ...evidence, lease, manifest_hash: manifestHash, options },
    },
    service_capabilities: { supported_e2ee_versions: [], serving: 'direct' },
  }
}

/** `GET /v1/aci/receipts/{id}`: a receipt of `aci/1`, section 7, by its own id or the answer's. */
async function receipt({ keys, store }: PeerParts, id: string): Promise<unknown> {
  const { details, answer, forwarded } = keptReceipt(store, id)
  const hash = (hex: Hex) => `sha256:${hex.slice(2)}`
  const document = {
    api_version: 'aci/1',
    receipt_id: details.id,
    chat_id: answer ?? null,
    model: details.model,
    workload_keyset_digest: digestOf(toCanonicalJson(keysetAt(keys, details.endedAt))),
    endpoint: details.endpoint,
    method: 'POST',
    served_at: Math.floor(details.endedAt / 1_000),
    event_log: [
      { type: 'request.received', body_hash: hash(details.request) },
      { type: 'request.forwarded', body_hash: hash(forwarded ?? details.request) },
      { type: 'response.returned', body_hash: hash(details.response) },
    ],
    key_id: KEY_ID,
  }
  const signed = sign(null, utf8(toCanonicalJson(document)), keys.receipts.privateKey)
  return { ...document, signature: signed.toString('hex') }
}

/** The keyset of `aci/1`, section 3.1, as it was at an instant, in Unix milliseconds. */
function keysetAt({ receipts, sealing }: DoorKeys, at: number) {
  return {
    subject: null,
    not_after: ((Math.floor(at / KEYSET_MS) + 2) * KEYSET_MS) / 1_000,
    receipt_signing_keys: [{ key_id: KEY_ID, algo: 'ed25519', public_key: receipts.publicKey }],
    e2ee_public_keys: [
      { key_id: 'sealing-1', algo: 'cloister-hpke-x25519', public_key: sealing.publicKey.slice(2) },
    ],
    tls_public_keys: [],
  }
}

function keptReceipt(store: Store, id: string) {
  const own = RECEIPT_ID.test(id) ? id : store.receiptOfAnswer(id)
  const kept = own === undefined ? undefined : store.peerReceipt(own)
  if (!kept) throw new CloisterError('not-found', 'There is no receipt of that answer here.')
  return kept
}

function nonceOf(text: string | null): string | undefined {
  if (text === null) return undefined
  if (!NONCE.test(text)) throw new CloisterError('bad-request', 'A nonce is 64 lower-case digits in hex.')
  return text
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
