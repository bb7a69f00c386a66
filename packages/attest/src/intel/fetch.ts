import { toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { parseCertificate } from '../x509/certificate.ts'
import type { QuoteEndorsements } from './endorsements.ts'
import { readPck } from './pck.ts'
import { platformCertificates } from './platform.ts'
import { parseQuote } from './quote.ts'

/** Intel's own Provisioning Certification Service; a PCCS speaks the same interface. */
export const INTEL_PCS = 'https://api.trustedservices.intel.com'
const INTEL_ROOT_LIST = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'
const MAX_ANSWER_BYTES = 2 * 1024 * 1024

/** Of the global `fetch`, what is needed here. */
export type FetchForEndorsements = (
  url: string,
  init: RequestInit,
) => Promise<Pick<Response, 'ok' | 'status' | 'arrayBuffer'> & { headers: Pick<Headers, 'get'> }>

export interface FetchEndorsementsOptions {
  /** Base URL of a PCS or PCCS (API v4). */
  baseUrl?: string
  signal?: AbortSignal
  /** The global `fetch`, if not given. */
  fetch?: FetchForEndorsements
}

/**
 * Gets the endorsements that belong to a quote (Intel PCS API v4: Get PCK CRL, Get TCB Info, Get Enclave
 * Identity). Nothing is verified here: every part is signed by Intel, and `verifyQuote` checks it. Throws
 * `no-endorsements`.
 */
export async function fetchEndorsements(
  quote: Uint8Array,
  { baseUrl = INTEL_PCS, signal, fetch = globalThis.fetch }: FetchEndorsementsOptions = {},
): Promise<QuoteEndorsements> {
  const base = baseUrl.replace(/\/$/, '')
  const get = (url: string) => ask(fetch, url, signal)
  const pck = parseCertificate(platformCertificates(quote).pck, 'The PCK certificate')
  const fmspc = toHex(readPck(pck).fmspc).toUpperCase()
  const ca = new TextDecoder('latin1').decode(pck.issuer).includes('Processor') ? 'processor' : 'platform'
  const kind = parseQuote(quote).body.kind
  const [list, tcb, identity, rootList] = await Promise.all([
    get(`${base}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
    get(`${base}/${kind}/certification/v4/tcb?fmspc=${fmspc}`),
    get(`${base}/${kind}/certification/v4/qe/identity`),
    get(base === INTEL_PCS ? INTEL_ROOT_LIST : `${base}/sgx/certification/v4/rootcacrl`),
  ])
  const tcbInfo = splitSigned(tcb.text, 'tcbInfo')
  const qeIdentity = splitSigned(identity.text, 'enclaveIdentity')
  return {
    pck_crl_issuer_chain: list.chain('SGX-PCK-CRL-Issuer-Chain'),
    root_ca_crl: listInHex(rootList.bytes),
    pck_crl: listInHex(list.bytes),
    tcb_info_issuer_chain: tcb.chain('TCB-Info-Issuer-Chain', 'SGX-TCB-Info-Issuer-Chain'),
    tcb_info: tcbInfo.document,
    tcb_info_signature: tcbInfo.signature,
    qe_identity_issuer_chain: identity.chain('SGX-Enclave-Identity-Issuer-Chain'),
    qe_identity: qeIdentity.document,
    qe_identity_signature: qeIdentity.signature,
  }
}

interface Answer {
  bytes: Uint8Array
  text: string
  /** A PEM chain out of a header, where it is URL-encoded. */
  chain(...headers: string[]): string
}

async function ask(
  fetch: FetchForEndorsements,
  url: string,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const failed = (what: string, cause?: unknown) =>
    new EvidenceError('no-endorsements', `${new URL(url).host} ${what}.`, { cause })
  let response: Awaited<ReturnType<FetchForEndorsements>>
  let bytes: Uint8Array
  try {
    response = await fetch(url, { ...(signal && { signal }), redirect: 'error' })
    bytes = new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    throw failed('can not be reached', cause)
  }
  if (!response.ok) throw failed(`answered ${new URL(url).pathname} with status ${response.status}`)
  if (bytes.length > MAX_ANSWER_BYTES) throw failed('answered with too much')
  return {
    bytes,
    text: new TextDecoder().decode(bytes),
    chain: (...headers) => {
      const header = headers.map((name) => response.headers.get(name)).find((value) => value !== null)
      if (!header) throw failed(`answered without the header ${headers[0]}`)
      return decodeURIComponent(header)
    },
  }
}

/** The very text that was signed, out of `{"<name>":{…},"signature":"…"}`. */
function splitSigned(text: string, name: string): { document: string; signature: string } {
  const head = `{"${name}":`
  const match = /,"signature":"([0-9a-fA-F]{128})"\}\s*$/.exec(text)
  if (!text.startsWith(head) || !match?.[1])
    throw new EvidenceError('no-endorsements', `The answer is no signed ${name}.`)
  return { document: text.slice(head.length, match.index), signature: match[1] }
}

/** A PCCS may give the root's list in hexadecimal digits. */
function listInHex(bytes: Uint8Array): string {
  if (bytes[0] === 0x30 && bytes[1] !== undefined && bytes[1] >= 0x80) return toHex(bytes)
  return new TextDecoder().decode(bytes).trim()
}
