import { SnpEndorsements, verifySnpReport } from '../amd/verify.ts'
import { verifyNitroDocument } from '../aws/verify.ts'
import type { DstackIdentity } from '../dstack/event-log.ts'
import { verifyDstack } from '../dstack/verify.ts'
import { EvidenceError } from '../errors.ts'
import { Findings, type Rule } from '../findings.ts'
import { emptyEndorsements, type QuoteEndorsements } from '../intel/endorsements.ts'
import type { TrustRoot } from '../intel/root.ts'
import { verifyQuote } from '../intel/verify.ts'
import { identifyGpu } from '../nvidia/report.ts'
import type { CheckGroup, Problem, Verdict } from '../verdict.ts'
import { type EvidenceDocument, padded } from './document.ts'

/** Something that no part of the file shows, and where it comes from. */
export interface Missing {
  what: string
  from: string
  /** Which of the options it would come in by. */
  option?: 'reportData' | 'nonce' | 'compose'
}

/** What checking one document concludes. */
export interface DocumentVerdict {
  form: string
  /**
   * The hardware is genuine, and nothing in the document contradicts anything else in it or what was asked.
   */
  genuine: boolean
  simulated: boolean
  verdict: Verdict
  dstack: DstackIdentity | undefined
  /** What the document says of itself, which no hardware vouches for unless a check says so. */
  claims: Record<string, string>
  groups: CheckGroup[]
  problems: Problem[]
  /** What a full verdict would need besides. */
  missing: Missing[]
  /** For people who are no experts. */
  sentence: string
}

export interface VerifyDocumentOptions {
  /** Unix seconds at which everything is judged. */
  instant: number
  root: TrustRoot
  /** Intel's endorsements of a quote, or AMD's for a report that brings none. */
  endorsements?: QuoteEndorsements | SnpEndorsements | undefined
  /**
   * Report data that the guest has to have had signed, in hexadecimal digits; zeros at the end may be left
   * out.
   */
  reportData?: string | undefined
  /** The number that the one who asked chose, in hexadecimal digits. */
  nonce?: string | undefined
  /** dstack's app-compose.json, byte for byte. */
  compose?: Uint8Array | undefined
}

const ASKED: Rule = {
  code: 'report-data',
  title: 'The report data is what was asked for',
  source: 'the one who asks',
  otherwise: 'The report data is another than was asked for.',
}
const FRESH: Rule = {
  code: 'nonce',
  title: 'It was made for the number that was asked with',
  source: 'the one who asks',
  otherwise: 'It was made for another number than was asked with.',
}
const GPU: Rule = {
  code: 'gpu',
  title: 'The GPU’s report is signed by a key of NVIDIA’s making, for the same number',
  source: 'DMTF DSP0274 (SPDM) 1.1, section 10.11',
  otherwise: 'The GPU’s report is not good.',
}

/**
 * Checks evidence out of a file, at an instant. Asks nobody anything. Never throws for what is in the
 * evidence.
 */
export async function verifyEvidenceDocument(
  document: EvidenceDocument,
  options: VerifyDocumentOptions,
): Promise<DocumentVerdict> {
  const missing: Missing[] = []
  const verdict = await verifyHardware(document, options, missing)
  const binding = checkBinding(document, verdict, options, missing)
  const dstack = await checkApp(document, verdict, options, missing)
  const gpus = await checkGpus(document, options, missing)
  missing.push({
    what: 'which software the measurements stand for',
    from: 'whoever publishes the guest: rebuild it, or compare with the measurements of its release',
  })
  const problems = [...verdict.problems, ...binding.problems, ...(dstack?.problems ?? []), ...gpus.problems]
  const genuine = verdict.genuine && problems.length === 0
  return {
    form: document.form,
    genuine,
    simulated: verdict.simulated,
    verdict,
    dstack: dstack?.identity,
    claims: document.claims,
    groups: [
      { title: `Hardware: ${verdict.kind.toUpperCase()}`, checks: verdict.checks },
      { title: 'Binding: what the report data stands for', checks: binding.checks },
      {
        title: `dstack: ${dstack?.identity ? `app ${dstack.identity.appId}` : 'no app'}`,
        checks: dstack?.checks ?? [],
      },
      { title: 'GPUs', checks: gpus.checks },
    ].filter(({ checks }) => checks.length > 0),
    problems,
    missing,
    sentence: sentenceOf(genuine, verdict, problems, missing),
  }
}

async function verifyHardware(
  { kind, evidence, certificates }: EvidenceDocument,
  { endorsements, instant, root }: VerifyDocumentOptions,
  missing: Missing[],
): Promise<Verdict> {
  if (kind === 'nitro') return verifyNitroDocument(evidence, { instant, root })
  if (kind === 'sev-snp') {
    const given = SnpEndorsements.safeParse(endorsements).data
    const papers = { certificates: '', ...(certificates !== undefined && { certificates }), ...given }
    const verdict = await verifySnpReport(evidence, papers, { instant, root })
    if (papers.certificates === '') {
      missing.push({
        what: 'the certificates of the chip’s key',
        from: 'AMD’s key service, kdsintf.amd.com, by chip and firmware',
      })
      return unjudged(verdict, 'The certificates of the chip’s key are missing, so nobody knows whose it is.')
    }
    if (given?.revocationList === undefined)
      missing.push({
        what: 'whether AMD has taken the chip’s key back',
        from: 'AMD’s key service, kdsintf.amd.com, its revocation list',
      })
    return verdict
  }
  const papers = endorsements && 'tcb_info' in endorsements ? endorsements : undefined
  if (!papers) {
    missing.push({
      what: 'Intel’s endorsements: certificates, revocation lists and the state of security updates',
      from: 'Intel’s certification service, api.trustedservices.intel.com, or a PCCS',
    })
    const verdict = await verifyQuote(evidence, emptyEndorsements, { instant, root })
    return unjudged(verdict, 'Intel’s endorsements are missing, so nobody knows whose key signed it.')
  }
  return verifyQuote(evidence, papers, { instant, root })
}

/** What the evidence holds, with one problem in place of all that follow from it. */
function unjudged(verdict: Verdict, message: string): Verdict {
  return { ...verdict, genuine: false, checks: [], problems: [{ code: 'no-endorsements', message }] }
}

function checkBinding(
  { bindings, nonce }: EvidenceDocument,
  { reportData }: Verdict,
  asked: VerifyDocumentOptions,
  missing: Missing[],
): Findings {
  const findings = new Findings()
  const found = padded(reportData)
  for (const { what, accepted, source } of bindings) {
    const rule = {
      code: 'binding',
      title: `The report data binds ${what}`,
      source,
      otherwise: `The report data does not bind ${what}.`,
    }
    findings.note(rule, accepted.includes(found), reportData, accepted[0] ?? 'nothing that could be bound')
  }
  if (asked.reportData !== undefined) {
    const wanted = padded(plain(asked.reportData))
    findings.note(ASKED, found === wanted, reportData, wanted)
  } else if (bindings.length === 0)
    missing.push({
      what:
        reportData === ''
          ? 'what it is bound to: it holds no report data'
          : 'what the report data stands for',
      from: 'whoever had it made: a key’s hash, a number',
      option: 'reportData',
    })
  if (asked.nonce === undefined)
    missing.push({
      what: 'that it was made just now, for you',
      from: 'a number of your own to ask with',
      option: 'nonce',
    })
  // Where the document has a statement over the number instead of the number, the binding above has decided.
  else if (nonce !== undefined) findings.note(FRESH, nonce === plain(asked.nonce), nonce, plain(asked.nonce))
  else if (bindings.length === 0)
    findings.note(FRESH, reportData.includes(plain(asked.nonce)), reportData, plain(asked.nonce))
  return findings
}

async function checkApp(
  document: EvidenceDocument,
  verdict: Verdict,
  { compose = document.compose }: VerifyDocumentOptions,
  missing: Missing[],
) {
  if (document.eventLog === undefined) {
    if (document.kind === 'tdx')
      missing.push({
        what: 'which app runs in the machine',
        from: 'its event log: dstack’s getQuote answer has it',
      })
    return undefined
  }
  if (compose === undefined)
    missing.push({
      what: 'what the app’s compose hash stands for',
      from: 'the app’s app-compose.json',
      option: 'compose',
    })
  if (document.isBundled)
    missing.push({
      what: 'what firmware and kernel measured',
      from: 'the whole event log: dstack’s getQuote answer has it',
    })
  return verifyDstack(verdict, document.eventLog, compose, { isBundled: document.isBundled === true })
}

async function checkGpus(
  { gpus, nonce }: EvidenceDocument,
  { instant }: VerifyDocumentOptions,
  missing: Missing[],
): Promise<Findings> {
  const findings = new Findings()
  for (const { report, certificates } of gpus) {
    const found = await identifyGpu(report, certificates, { nonce: nonce ?? '', instant }).catch((error) => {
      if (!(error instanceof EvidenceError)) throw error
      return error
    })
    findings.note(
      GPU,
      !(found instanceof EvidenceError),
      found instanceof EvidenceError ? found.message : `UEID ${found.ueid}`,
    )
  }
  if (gpus.length > 0)
    missing.push({
      what: 'whether driver and firmware of the GPUs are those that NVIDIA published, and their keys still good',
      from: 'NVIDIA’s services, rim.attestation.nvidia.com and ocsp.ndis.nvidia.com',
    })
  return findings
}

function sentenceOf(genuine: boolean, verdict: Verdict, problems: Problem[], missing: Missing[]): string {
  if (!genuine) return `Do not trust this: ${problems[0]?.message ?? 'the evidence could not be checked.'}`
  const open = `This file does not show ${missing.map(({ what }) => what).join('; ')}.`
  if (verdict.simulated)
    return `Simulated: a development platform made this; nothing was confidential. ${open}`
  const { tcb } = verdict
  const caution =
    tcb === undefined || tcb.status === 'UpToDate'
      ? ''
      : ` Its security updates were not complete (${tcb.status}).`
  return `Genuine confidential hardware made this.${caution} ${open}`
}

function plain(hex: string): string {
  return hex.replace(/^0x/, '').toLowerCase()
}
