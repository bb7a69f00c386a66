import { crypto } from '#crypto'
import { concatBytes, equalBytes, fromHex, isZero, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { Findings } from '../findings.ts'
import type { Verdict } from '../verdict.ts'
import { type Certificate, keyOf } from '../x509/certificate.ts'
import {
  checkChain,
  type PreparedEndorsements,
  prepareEndorsements,
  type QuoteEndorsements,
} from './endorsements.ts'
import { type PckFacts, readPck } from './pck.ts'
import { type EnclaveReport, parseQuote, type Quote, type TdReport } from './quote.ts'
import { intelRoot, type TrustRoot } from './root.ts'
import { RULE } from './rules.ts'
import { matchIsvSvn, matchPlatform, mergeStatus, type TcbLevel } from './tcb.ts'

/** Intel's id as a vendor of quoting enclaves. */
const INTEL_QE_VENDOR = fromHex('939a7233f79c4ca9940a0db3957f0607', 'Intel’s vendor id')
const PCK_CHAIN_IN_PEM = 5
const SGX_DEBUG = 0x02
/**
 * Bits of TDATTRIBUTES (TDX Module ABI): of the lowest byte only debug exists; SEPT_VE_DISABLE is 28, PKS
 * 30, KL 31, PERFMON 63.
 */
const TD_KNOWN = 0x8000_0000_d000_00ffn
const TD_SEPT_VE_DISABLE = 1n << 28n
const TD_LOWEST = 0xffn

export interface VerifyQuoteOptions {
  /** Unix seconds at which everything has to be valid. */
  instant: number
  /**
   * Where chains have to end; Intel's root if not given. Of no effect on prepared endorsements, which have
   * their own.
   */
  root?: TrustRoot
}

/**
 * Verifies an SGX or TDX quote against endorsements, wholly offline. Never throws for what is in the
 * evidence: whatever is wrong with it is in the verdict's problems. Prepare the endorsements once where many
 * quotes are checked.
 *
 * ```ts
 * const verdict = await verifyQuote(quote, endorsements, { instant: 1_751_000_000 })
 * if (!verdict.genuine) console.error(verdict.problems[0]?.message)
 * ```
 */
export async function verifyQuote(
  bytes: Uint8Array,
  endorsements: QuoteEndorsements | PreparedEndorsements,
  { instant, root }: VerifyQuoteOptions,
): Promise<Verdict> {
  const findings = new Findings()
  const prepared = await findings.attempt(() =>
    'findings' in endorsements ? endorsements : prepareEndorsements(endorsements, root ?? intelRoot),
  )
  const quote = await findings.attempt(() => parseQuote(bytes))
  let platform: PckFacts | undefined
  let tcb: TcbLevel | undefined
  if (prepared && quote) {
    findings.checks.push(...prepared.findings.checks)
    findings.problems.push(...prepared.findings.problems)
    findings.note(RULE.vendor, equalBytes(quote.qeVendorId, INTEL_QE_VENDOR), toHex(quote.qeVendorId))
    checkEndorsementsWindow(findings, prepared, quote, instant)
    await findings.attempt(async () => {
      const chain = readPckChain(prepared, quote)
      await checkPckChain(findings, prepared, chain, instant)
      await checkSignatures(findings, quote, chain[0] as Certificate)
      platform = readPck(chain[0] as Certificate)
      tcb = judgeTcb(findings, prepared, quote, platform)
    })
    checkGuest(findings, quote)
  }
  // A chain that was found to end in the root is the only reason to name that root.
  const chained = findings.checks.some(({ code, ok }) => code === RULE.pckChain.code && ok)
  const name = chained ? prepared?.root.name : undefined
  return {
    genuine: findings.problems.length === 0 && tcb !== undefined,
    kind: quote?.body.kind ?? 'tdx',
    root: name,
    simulated: name === 'devnet',
    tcb,
    measurements: quote ? measurementsOf(quote) : {},
    reportData: quote ? toHex(quote.body.report.reportData) : '',
    debug: quote !== undefined && isDebug(quote),
    platform: platform && toHex(platform.ppid),
    claims: quote && platform ? claimsOf(quote, platform, prepared) : {},
    instant,
    checks: findings.checks,
    problems: findings.problems,
  }
}

function checkEndorsementsWindow(
  findings: Findings,
  { windows, tcbInfo, qeIdentity }: PreparedEndorsements,
  quote: Quote,
  instant: number,
): void {
  const outside = windows.find(({ from, until }) => instant < from || instant > until)
  const window =
    outside &&
    `${outside.what} is valid from ${iso(outside.from)} to ${iso(outside.until)}, the instant is ${iso(instant)}`
  findings.note(RULE.endorsementsTime, outside === undefined, window)
  const wanted = quote.body.kind === 'tdx' ? 'TDX, TD_QE' : 'SGX, QE'
  const found = `${tcbInfo.id}, ${qeIdentity.id}`
  findings.note(RULE.endorsementsKind, found === wanted, found, wanted)
}

function readPckChain(
  { pckChain, readChain }: PreparedEndorsements,
  { certificationType, certificationData }: Quote,
): Certificate[] {
  if (pckChain) return pckChain
  if (certificationType !== PCK_CHAIN_IN_PEM)
    throw new EvidenceError(
      'no-pck-chain',
      `The quote only refers to its PCK certificate (type ${certificationType}); give it with the endorsements.`,
    )
  return readChain(new TextDecoder('latin1').decode(certificationData), 'The quote’s PCK chain')
}

async function checkPckChain(
  findings: Findings,
  endorsements: PreparedEndorsements,
  chain: Certificate[],
  instant: number,
): Promise<void> {
  await checkChain(
    findings,
    { chain: RULE.pckChain, time: RULE.pckTime, revoked: RULE.revoked },
    chain,
    endorsements,
    instant,
  )
  findings.note(RULE.pckIssuer, equalBytes(endorsements.pckList.issuer, (chain[0] as Certificate).issuer))
}

async function checkSignatures(findings: Findings, quote: Quote, pck: Certificate): Promise<void> {
  const pckKey = pck.publicKey.kind === 'P-256' ? await keyOf(pck) : undefined
  findings.note(
    RULE.qeSignature,
    (await pckKey?.verify(quote.qeReportBytes, quote.qeReportSignature)) === true,
  )
  const binding = await crypto.digest('SHA-256', concatBytes(quote.attestationKey, quote.qeAuthData))
  const { reportData } = quote.qeReport
  findings.note(
    RULE.qeBinding,
    equalBytes(reportData.subarray(0, 32), binding) && isZero(reportData.subarray(32)),
  )
  const attestationKey = await crypto.ecdsaKey('P-256', quote.attestationKey).catch(() => undefined)
  findings.note(RULE.quoteSignature, (await attestationKey?.verify(quote.signed, quote.signature)) === true)
}

/** Everything that decides about the TCB status; undefined where there is none. */
function judgeTcb(
  findings: Findings,
  { tcbInfo, qeIdentity }: PreparedEndorsements,
  quote: Quote,
  platform: PckFacts,
): TcbLevel | undefined {
  const fmspc = toHex(platform.fmspc)
  findings.note(RULE.fmspc, fmspc === tcbInfo.fmspc.toLowerCase(), fmspc, tcbInfo.fmspc.toLowerCase())
  const pceId = toHex(platform.pceId)
  findings.note(RULE.pceId, pceId === tcbInfo.pceId.toLowerCase(), pceId, tcbInfo.pceId.toLowerCase())
  checkQe(findings, quote.qeReport, qeIdentity)
  const qe = matchIsvSvn(qeIdentity.tcbLevels, quote.qeReport.isvSvn)
  findings.note(RULE.qeLevel, qe !== undefined, `SVN ${quote.qeReport.isvSvn}`)

  const td = quote.body.kind === 'tdx' ? quote.body.report : undefined
  const module = td && judgeModule(findings, tcbInfo, td)
  const whole = matchPlatform(tcbInfo, { ...platform, teeTcbSvn: td?.teeTcbSvn })
  findings.note(
    RULE.level,
    whole !== undefined,
    `components ${platform.componentSvns.join(' ')}, PCE ${platform.pceSvn}${td ? `, TDX ${[...td.teeTcbSvn].join(' ')}` : ''}`,
  )
  if (!whole || !qe) return undefined
  const merged = [qe, module].reduce<TcbLevel>(
    (level, part) => (part ? mergeStatus(level, part) : level),
    whole,
  )
  findings.note(RULE.notRevoked, merged.status !== 'Revoked', merged.status)
  return merged
}

function checkQe(
  findings: Findings,
  report: EnclaveReport,
  identity: PreparedEndorsements['qeIdentity'],
): void {
  const signer = toHex(report.mrSigner)
  findings.note(
    RULE.qeSigner,
    signer === identity.mrsigner.toLowerCase(),
    signer,
    identity.mrsigner.toLowerCase(),
  )
  findings.note(
    RULE.qeProduct,
    report.isvProdId === identity.isvprodid,
    String(report.isvProdId),
    String(identity.isvprodid),
  )
  const miscselect = new Uint8Array(4)
  new DataView(miscselect.buffer).setUint32(0, report.miscSelect, true)
  findings.note(
    RULE.qeMiscselect,
    matchesUnderMask(miscselect, identity.miscselect, identity.miscselectMask),
    toHex(miscselect),
    identity.miscselect,
  )
  const fitting = matchesUnderMask(report.attributes, identity.attributes, identity.attributesMask)
  findings.note(
    RULE.qeAttributes,
    fitting && !hasDebug(report),
    toHex(report.attributes),
    identity.attributes,
  )
}

/**
 * The TDX module's own level (PCS API v4, `tdxModuleIdentities`): modules of version 0 are described by
 * `tdxModule` and have no levels of their own, later ones by the identity `TDX_` and their version.
 */
function judgeModule(
  findings: Findings,
  info: PreparedEndorsements['tcbInfo'],
  td: TdReport,
): TcbLevel | undefined {
  const [svn = 0, version = 0] = td.teeTcbSvn
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`
  const identity =
    version === 0
      ? undefined
      : info.tdxModuleIdentities.find((candidate) => candidate.id.toUpperCase() === id)
  const wanted = version === 0 ? info.tdxModule : identity
  const fitting =
    wanted !== undefined &&
    toHex(td.mrSignerSeam) === wanted.mrsigner.toLowerCase() &&
    matchesUnderMask(td.seamAttributes, wanted.attributes, wanted.attributesMask)
  findings.note(RULE.module, fitting, `version ${version}, SVN ${svn}`)
  if (!identity) return undefined
  const level = matchIsvSvn(identity.tcbLevels, svn)
  findings.note(RULE.moduleLevel, level !== undefined, `SVN ${svn}`)
  return level
}

function checkGuest(findings: Findings, quote: Quote): void {
  findings.note(RULE.debug, !isDebug(quote))
  if (quote.body.kind !== 'tdx') return
  const { tdAttributes, mrServiceTd } = quote.body.report
  const bits = tdBits(tdAttributes)
  findings.note(
    RULE.attributes,
    (bits & ~TD_KNOWN) === 0n && (bits & TD_SEPT_VE_DISABLE) !== 0n,
    toHex(tdAttributes),
  )
  if (mrServiceTd) findings.note(RULE.serviceTd, isZero(mrServiceTd), toHex(mrServiceTd))
}

/** Any bit of the lowest byte (TUD, "TD under debug") takes the guest's protection away. */
function isDebug({ body }: Quote): boolean {
  return body.kind === 'sgx' ? hasDebug(body.report) : (tdBits(body.report.tdAttributes) & TD_LOWEST) !== 0n
}

function hasDebug({ attributes }: EnclaveReport): boolean {
  return ((attributes[0] ?? 0) & SGX_DEBUG) !== 0
}

function tdBits(attributes: Uint8Array): bigint {
  return new DataView(attributes.buffer, attributes.byteOffset, 8).getBigUint64(0, true)
}

/** Hexadecimal `wanted` and `mask`, both read left to right as the bytes come. */
function matchesUnderMask(found: Uint8Array, wanted: string, mask: string): boolean {
  const wantedBytes = fromHex(wanted, 'A value of the endorsements')
  const maskBytes = fromHex(mask, 'A mask of the endorsements')
  return found.every(
    (byte, index) =>
      (byte & (maskBytes[index] ?? 0xff)) === ((wantedBytes[index] ?? 0) & (maskBytes[index] ?? 0xff)),
  )
}

function measurementsOf({ body }: Quote): Record<string, string> {
  if (body.kind === 'sgx')
    return { mrenclave: toHex(body.report.mrEnclave), mrsigner: toHex(body.report.mrSigner) }
  const { mrTd, mrConfigId, mrOwner, mrOwnerConfig, rtmr, mrSeam } = body.report
  const named = {
    mrtd: mrTd,
    rtmr0: rtmr[0],
    rtmr1: rtmr[1],
    rtmr2: rtmr[2],
    rtmr3: rtmr[3],
    mrconfigid: mrConfigId,
    mrowner: mrOwner,
    mrownerconfig: mrOwnerConfig,
    mrseam: mrSeam,
  }
  return Object.fromEntries(Object.entries(named).map(([name, bytes]) => [name, toHex(bytes)]))
}

function claimsOf(
  quote: Quote,
  platform: PckFacts,
  prepared: PreparedEndorsements | undefined,
): Record<string, string> {
  const claims: Record<string, string> = {
    quoteVersion: String(quote.version),
    fmspc: toHex(platform.fmspc),
    pceSvn: String(platform.pceSvn),
  }
  if (quote.body.kind === 'tdx')
    claims['tdxModule'] = `${quote.body.report.teeTcbSvn[1]}.${quote.body.report.teeTcbSvn[0]}`
  else
    Object.assign(claims, {
      isvProdId: String(quote.body.report.isvProdId),
      isvSvn: String(quote.body.report.isvSvn),
    })
  if (prepared) claims['tcbEvaluationDataNumber'] = String(prepared.tcbInfo.tcbEvaluationDataNumber)
  return claims
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
