import { toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { toPem } from '../x509/pem.ts'
import { parseSnpReport, tcbVersion } from './report.ts'
import type { SnpEndorsements } from './verify.ts'

const KDS = 'https://kdsintf.amd.com'
const TURIN_FAMILY = 0x1a

/** Processors that AMD's key service knows apart. */
export type SnpProduct = 'Milan' | 'Genoa' | 'Turin'

/**
 * Gets chain and revocation list for a report signed by a VCEK (AMD KDS Interface Specification, sections 2
 * and 4). `product`: `Milan`, `Genoa` or `Turin`. Nothing is verified here. Throws `no-endorsements`.
 */
export async function fetchSnpEndorsements(
  bytes: Uint8Array,
  product: SnpProduct,
  {
    baseUrl = KDS,
    signal,
    fetch = globalThis.fetch,
  }: { baseUrl?: string; signal?: AbortSignal; fetch?: typeof globalThis.fetch } = {},
): Promise<SnpEndorsements> {
  const report = parseSnpReport(bytes)
  const turin = report.family === TURIN_FAMILY
  const { fmc, bootLoader, tee, snp, microcode } = tcbVersion(report.reportedTcb, turin)
  const chip = toHex(turin ? report.chipId.subarray(0, 8) : report.chipId)
  const query = new URLSearchParams({
    blSPL: String(bootLoader),
    teeSPL: String(tee),
    snpSPL: String(snp),
    ucodeSPL: String(microcode),
    ...(turin && { fmcSPL: String(fmc) }),
  })
  const get = (path: string) =>
    ask(`${baseUrl}/vcek/v1/${product}/${path}`, { ...(signal && { signal }), fetch })
  const [vcek, chain, list] = await Promise.all([get(`${chip}?${query}`), get('cert_chain'), get('crl')])
  return { certificates: toPem(vcek) + new TextDecoder().decode(chain), revocationList: toHex(list) }
}

/**
 * Gets AMD's revocation list of a product for chips (`vcek`) or for clouds (`vlek`), hexadecimal digits.
 * Throws `no-endorsements`.
 */
export async function fetchSnpRevocations(
  product: SnpProduct,
  signer: 'vcek' | 'vlek',
  {
    baseUrl = KDS,
    signal,
    fetch = globalThis.fetch,
  }: { baseUrl?: string; signal?: AbortSignal; fetch?: typeof globalThis.fetch } = {},
): Promise<string> {
  return toHex(await ask(`${baseUrl}/${signer}/v1/${product}/crl`, { ...(signal && { signal }), fetch }))
}

/** The product of the processor that a report is of; undefined for reports of version 2, which don't say. */
export function snpProductOf(bytes: Uint8Array): SnpProduct | undefined {
  const { family, model } = parseSnpReport(bytes)
  if (family === TURIN_FAMILY) return 'Turin'
  if (family !== 0x19 || model === undefined) return undefined
  // Milan's models are below 0x10; Genoa's are 0x10 to 0x1f, Bergamo's and Siena's 0xa0 to 0xaf.
  return model < 0x10 ? 'Milan' : 'Genoa'
}

async function ask(
  url: string,
  { signal, fetch }: { signal?: AbortSignal; fetch: typeof globalThis.fetch },
): Promise<Uint8Array> {
  const response = await fetch(url, { ...(signal && { signal }), redirect: 'error' }).catch((cause) => {
    throw new EvidenceError('no-endorsements', 'AMD’s key service can not be reached.', { cause })
  })
  if (!response.ok)
    throw new EvidenceError('no-endorsements', `AMD’s key service answered with status ${response.status}.`)
  return new Uint8Array(await response.arrayBuffer())
}
