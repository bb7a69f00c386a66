import {
  fetchSnpEndorsements,
  fetchSnpRevocations,
  parseCertificateTable,
  type SnpEndorsements,
  type SnpProduct,
  snpProductOf,
} from '@cloister/attest'
import { CloisterError } from '@cloister/core'

const ANSWER_MS = 15_000
/** Certificates change with updates of the firmware; AMD's list is made anew every few weeks. */
const KEPT_MS = 6 * 3_600_000
const PRODUCTS: SnpProduct[] = ['Milan', 'Genoa', 'Turin']

/** Finds what goes along with an SNP report, given it and the host's table of certificates. */
export type FindSnpEndorsements = (report: Uint8Array, table: Uint8Array) => Promise<SnpEndorsements>

/**
 * What goes along with an SNP report: certificates out of the host's table where it has the chip's or the
 * cloud's key and what signed it, from AMD's key service where not; and AMD's revocation list. Nothing is
 * verified here: those who judge do. What was found is kept for six hours. Throws `no-evidence`.
 */
export function snpEndorsements(): FindSnpEndorsements {
  let kept: { at: number; tcb: string; endorsements: SnpEndorsements } | undefined
  return async (report, table) => {
    // Reported TCB: the chip's key is for one.
    const tcb = Buffer.from(report.subarray(0x180, 0x188)).toString('hex')
    if (kept && kept.tcb === tcb && Date.now() - kept.at < KEPT_MS) return kept.endorsements
    try {
      const endorsements = await find(report, table)
      kept = { at: Date.now(), tcb, endorsements }
      return endorsements
    } catch (cause) {
      throw new CloisterError(
        'no-evidence',
        'The certificates of this chip are not to be had, from the host or from AMD.',
        {
          hint: 'The worker has to reach kdsintf.amd.com, now and then.',
          cause,
        },
      )
    }
  }
}

async function find(report: Uint8Array, table: Uint8Array): Promise<SnpEndorsements> {
  const known = snpProductOf(report)
  const given = table.length > 0 ? parseCertificateTable(table) : {}
  const leaf = given.vlek ?? given.vcek
  let failure: unknown
  // A report of version 2 doesn't say what processor it is of.
  for (const product of known ? [known] : PRODUCTS) {
    const signal = AbortSignal.timeout(ANSWER_MS)
    try {
      if (!leaf || !given.ask) return await fetchSnpEndorsements(report, product, { signal })
      const chain = [leaf, given.ask, ...(given.ark ? [given.ark] : [])]
      return {
        certificates: chain.map(pemOf).join(''),
        revocationList: await fetchSnpRevocations(product, given.vlek ? 'vlek' : 'vcek', { signal }),
      }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
