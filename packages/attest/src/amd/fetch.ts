import { toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { parseSnpReport, tcbVersion } from './report.ts'
import type { SnpCollateral } from './verify.ts'

const KDS = 'https://kdsintf.amd.com'
const TURIN_FAMILY = 0x1a

/**
 * Gets chain and revocation list for a report signed by a VCEK (AMD KDS Interface Specification, sections 2 and 4). `product`:
 * `Milan`, `Genoa` or `Turin`. Nothing is verified here. Throws `no-collateral`.
 */
export async function fetchSnpCollateral(
  bytes: Uint8Array,
  product: 'Milan' | 'Genoa' | 'Turin',
  { baseUrl = KDS, signal, fetch = globalThis.fetch }: { baseUrl?: string; signal?: AbortSignal; fetch?: typeof globalThis.fetch } = {},
): Promise<SnpCollateral> {
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
  const get = async (path: string) => {
    const response = await fetch(`${baseUrl}/vcek/v1/${product}/${path}`, { ...(signal && { signal }), redirect: 'error' }).catch((cause) => {
      throw new EvidenceError('no-collateral', 'AMD’s key service can not be reached.', { cause })
    })
    if (!response.ok) throw new EvidenceError('no-collateral', `AMD’s key service answered with status ${response.status}.`)
    return new Uint8Array(await response.arrayBuffer())
  }
  const [vcek, chain, list] = await Promise.all([get(`${chip}?${query}`), get('cert_chain'), get('crl')])
  const lines = btoa(String.fromCharCode(...vcek)).match(/.{1,64}/g) ?? []
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  return { certificates: pem + new TextDecoder().decode(chain), revocationList: toHex(list) }
}
