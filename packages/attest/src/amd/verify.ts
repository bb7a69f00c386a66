import * as z from 'zod'
import { equalBytes, fromBase64, fromHex, isZero, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { Findings, type Rule } from '../findings.ts'
import type { TrustRoot } from '../intel/root.ts'
import { AMD_GENOA, AMD_MILAN, AMD_TURIN } from '../vendor-roots.ts'
import type { Verdict } from '../verdict.ts'
import { type Certificate, isSignedWith, keyOf, parseCertificate } from '../x509/certificate.ts'
import { expiredIn, flawOfChain } from '../x509/chain.ts'
import { readDer, readSmallInteger } from '../x509/der.ts'
import { readPem } from '../x509/pem.ts'
import { isRevoked, parseRevocationList } from '../x509/revocation-list.ts'
import { parseSnpReport, type SnpReport, type TcbVersion, tcbVersion } from './report.ts'

/** What AMD's Key Distribution Service gives beside a report. */
export const SnpEndorsements = z.object({
  /** VCEK or VLEK first, then the key that signed it (ASK or ASVK), in PEM; the root may follow. */
  certificates: z.string().max(64 * 1024),
  /**
   * AMD's revocation list of the product in DER, hexadecimal digits. Without it, revocation isn't checked,
   * and the verdict says so.
   */
  revocationList: z.string().max(400_000).optional(),
})
export type SnpEndorsements = z.infer<typeof SnpEndorsements>

let amdRoots: Certificate[] | undefined

/** Read when they are first needed: few commands judge what AMD signs. */
function rootsOfAmd(): Certificate[] {
  amdRoots ??= [AMD_MILAN, AMD_GENOA, AMD_TURIN].map((base64) =>
    parseCertificate(fromBase64(base64, 'AMD’s root'), 'AMD’s root'),
  )
  return amdRoots
}

const TURIN_FAMILY = 0x1a
/** Guest policy bits (SEV-SNP ABI, table 10). */
const POLICY = { migration: 1n << 18n, debug: 1n << 19n } as const
/** Extensions of VCEK and VLEK (VCEK Certificate and KDS Interface Specification, section 3.1). */
const AMD_OID = '1.3.6.1.4.1.3704.1'
const SVN_OIDS: Record<keyof TcbVersion, string> = {
  bootLoader: `${AMD_OID}.3.1`,
  tee: `${AMD_OID}.3.2`,
  snp: `${AMD_OID}.3.3`,
  microcode: `${AMD_OID}.3.8`,
  fmc: `${AMD_OID}.3.9`,
}
const HARDWARE_ID_OID = `${AMD_OID}.4`
const ABI = 'AMD SEV-SNP Firmware ABI Specification'
const KDS = 'AMD VCEK Certificate and KDS Interface Specification'

const RULE = {
  chain: {
    code: 'vcek-chain',
    title: 'The chip’s key chains to AMD’s root',
    source: KDS,
    otherwise: 'The chip’s key does not chain to AMD’s root.',
  },
  time: {
    code: 'vcek-time',
    title: 'The chain is valid at the instant',
    source: 'RFC 5280, section 4.1.2.5',
    otherwise: 'The chain is not valid at the instant.',
  },
  list: {
    code: 'amd-crl',
    title: 'AMD’s revocation list is signed and current, and names none of the keys',
    source: KDS,
    otherwise: 'AMD’s revocation list is not good, or names one of the keys.',
  },
  signature: {
    code: 'report-signature',
    title: 'The report is signed by the chip’s key',
    source: ABI,
    otherwise: 'The signature on the report is wrong.',
  },
  tcb: {
    code: 'reported-tcb',
    title: 'The chip’s key is for the TCB that the report names',
    source: KDS,
    otherwise: 'The chip’s key is for another TCB than the report names.',
  },
  chip: {
    code: 'chip-id',
    title: 'The chip’s key is for the chip that the report names',
    source: KDS,
    otherwise: 'The chip’s key is for another chip.',
  },
  debug: {
    code: 'debug',
    title: 'Debug is off',
    source: ABI,
    otherwise: 'Debug is on: the host can look into the guest.',
  },
  migration: {
    code: 'migration-agent',
    title: 'No migration agent may move the guest',
    source: ABI,
    otherwise: 'A migration agent may move the guest elsewhere.',
  },
  vmpl: {
    code: 'vmpl',
    title: 'The report was asked for at the most privileged level of the guest',
    source: ABI,
    otherwise: 'The report was asked for at a less privileged level of the guest.',
  },
} satisfies Record<string, Rule>

/**
 * Verifies an SEV-SNP report (versions 2 to 5) with its VCEK or VLEK chain, offline. AMD publishes no list
 * of TCB levels, so the verdict has no TCB status: the versions are among the claims. A development root
 * given as `root` takes the place of AMD's. Never throws for what is in the evidence.
 */
export async function verifySnpReport(
  bytes: Uint8Array,
  endorsements: SnpEndorsements,
  { instant, root }: { instant: number; root?: TrustRoot },
): Promise<Verdict> {
  const roots = root?.name === 'devnet' ? [root.certificate] : rootsOfAmd()
  const findings = new Findings()
  const report = await findings.attempt(() => parseSnpReport(bytes))
  let chained = false
  if (report)
    await findings.attempt(async () => {
      const chain = readPem(endorsements.certificates, 'AMD’s certificates').map((der) =>
        parseCertificate(der, 'A certificate of AMD’s'),
      )
      chained = await checkChain(findings, chain, roots, endorsements, instant)
      await checkReport(findings, report, chain[0] as Certificate)
    })
  if (report) checkPolicy(findings, report)
  return {
    genuine: findings.problems.length === 0 && report !== undefined,
    kind: 'sev-snp',
    root: chained ? (root?.name === 'devnet' ? 'devnet' : 'amd') : undefined,
    simulated: chained && root?.name === 'devnet',
    tcb: undefined,
    measurements: report
      ? {
          measurement: toHex(report.measurement),
          hostData: toHex(report.hostData),
          idKeyDigest: toHex(report.idKeyDigest),
        }
      : {},
    reportData: report ? toHex(report.reportData) : '',
    debug: report !== undefined && (report.policy & POLICY.debug) !== 0n,
    platform: report && !report.isChipIdMasked ? toHex(report.chipId) : undefined,
    claims: report ? claimsOf(report, endorsements) : {},
    instant,
    checks: findings.checks,
    problems: findings.problems,
  }
}

async function checkChain(
  findings: Findings,
  chain: Certificate[],
  roots: readonly Certificate[],
  { revocationList }: SnpEndorsements,
  instant: number,
): Promise<boolean> {
  const last = chain.at(-1) as Certificate
  const root = roots.find(({ subject }) => equalBytes(subject, last.issuer))
  const flaw = root ? await flawOfChain(chain, root) : 'it ends in no root of AMD’s'
  findings.note(RULE.chain, flaw === undefined, flaw)
  const expired = expiredIn(chain, instant)
  findings.note(RULE.time, expired === undefined, expired?.name)
  if (revocationList !== undefined && root) {
    const list = parseRevocationList(
      fromHex(revocationList, 'AMD’s revocation list'),
      'AMD’s revocation list',
    )
    const signed =
      equalBytes(list.issuer, root.subject) &&
      (await isSignedWith(root, list.algorithm, list.tbs, list.signature))
    const current = instant >= list.thisUpdate && instant <= list.nextUpdate
    findings.note(
      RULE.list,
      signed && current && !chain.some((certificate) => isRevoked(certificate, [list])),
    )
  }
  return flaw === undefined
}

async function checkReport(findings: Findings, report: SnpReport, leaf: Certificate): Promise<void> {
  const key = leaf.publicKey.kind === 'P-384' ? await keyOf(leaf) : undefined
  findings.note(RULE.signature, (await key?.verify(report.signed, report.signature)) === true)
  const wanted = tcbVersion(report.reportedTcb, isTurin(report))
  const found = Object.entries(SVN_OIDS).map(([name, oid]) => [name, readSvn(leaf, oid)] as const)
  const differing = found.find(([name, svn]) => (svn ?? 0) !== wanted[name as keyof TcbVersion])
  findings.note(
    RULE.tcb,
    differing === undefined,
    differing && `${differing[0]} ${differing[1]}`,
    differing && String(wanted[differing[0] as keyof TcbVersion]),
  )
  const hardwareId = leaf.extensions.get(HARDWARE_ID_OID)?.value
  // A VLEK names no chip, a masked report neither; Turin's ids are shorter than the field.
  if (report.signingKey === 0 && !report.isChipIdMasked) {
    const same =
      hardwareId !== undefined &&
      hardwareId.length >= 8 &&
      equalBytes(report.chipId.subarray(0, hardwareId.length), hardwareId) &&
      isZero(report.chipId.subarray(hardwareId.length))
    findings.note(RULE.chip, same)
  }
}

function checkPolicy(findings: Findings, { policy, vmpl }: SnpReport): void {
  findings.note(RULE.debug, (policy & POLICY.debug) === 0n)
  findings.note(RULE.migration, (policy & POLICY.migration) === 0n)
  findings.note(RULE.vmpl, vmpl === 0, String(vmpl), '0')
}

function readSvn(leaf: Certificate, oid: string): number | undefined {
  const extension = leaf.extensions.get(oid)
  if (!extension) return undefined
  const svn = readSmallInteger(
    readDer(extension.value, 'A version in the chip’s certificate'),
    'A version in the chip’s certificate',
  )
  if (svn > 255)
    throw new EvidenceError('bad-certificate', 'A version in the chip’s certificate is above 255.')
  return svn
}

function isTurin({ family }: SnpReport): boolean {
  return family === TURIN_FAMILY
}

function claimsOf(report: SnpReport, { revocationList }: SnpEndorsements): Record<string, string> {
  const text = (version: TcbVersion) =>
    Object.entries(version)
      .map(([name, svn]) => `${name} ${svn}`)
      .join(', ')
  return {
    reportVersion: String(report.version),
    policy: `0x${report.policy.toString(16)}`,
    reportedTcb: text(tcbVersion(report.reportedTcb, isTurin(report))),
    committedTcb: text(tcbVersion(report.committedTcb, isTurin(report))),
    signedBy: report.signingKey === 1 ? 'VLEK' : 'VCEK',
    revocationChecked: revocationList === undefined ? 'no' : 'yes',
  }
}
