import { keccak_256 } from '@noble/hashes/sha3'
import * as z from 'zod'
import { crypto } from '#crypto'
import { parseSnpReport } from './amd/report.ts'
import { SnpEndorsements, verifySnpReport } from './amd/verify.ts'
import { parseNitroDocument, verifyNitroDocument } from './aws/verify.ts'
import { concatBytes, fromHex, toHex } from './bytes.ts'
import { EvidenceError } from './errors.ts'
import { emptyEndorsements, QuoteEndorsements } from './intel/endorsements.ts'
import { pckOf } from './intel/platform.ts'
import { parseQuote } from './intel/quote.ts'
import type { TrustRoot } from './intel/root.ts'
import { verifyQuote } from './intel/verify.ts'
import type { Verdict } from './verdict.ts'

/** Hardware that a worker's guest may run on. */
export const GuestKind = z.enum(['tdx', 'sev-snp', 'nitro'])
export type GuestKind = z.infer<typeof GuestKind>

/** What a guest's evidence is judged with. A Nitro document brings its own certificates. */
export const GuestEndorsements = z.union([QuoteEndorsements, SnpEndorsements, z.strictObject({})])
export type GuestEndorsements = z.infer<typeof GuestEndorsements>

/**
 * What is known of a guest by its evidence before anything is verified: names on chain, and its family of
 * platforms if Intel's.
 */
export interface GuestClaims {
  /** What the chain calls what was measured of the guest (`measurementOf`). */
  measurement: `0x${string}`
  /** What a signed verdict calls it: keccak256 of the registers, without the kind. */
  digest: `0x${string}`
  /** SHA-256 of the platform's identity: Intel's PPID, AMD's chip id, Nitro's module id. */
  platform: `0x${string}`
  family: string
}

/**
 * Verifies a guest's evidence, whatever its hardware, under `root`: a development root stands for every
 * vendor's, and with Intel's go AMD's and Amazon's own. Never throws for what is in evidence or endorsements.
 */
export async function verifyGuest(
  kind: GuestKind,
  evidence: Uint8Array,
  endorsements: GuestEndorsements,
  given: { instant: number; root: TrustRoot },
): Promise<Verdict> {
  if (kind === 'nitro') return verifyNitroDocument(evidence, given)
  if (kind === 'sev-snp') {
    const parsed = SnpEndorsements.safeParse(endorsements)
    const verdict = await verifySnpReport(evidence, parsed.data ?? { certificates: '' }, given)
    // Alone it may be left out; where machines earn by it, nobody else would notice.
    return parsed.data?.revocationList === undefined
      ? refused(
          verdict,
          'amd-crl',
          'AMD’s revocation list is missing, so nobody knows whether the chip’s key holds.',
        )
      : verdict
  }
  const parsed = QuoteEndorsements.safeParse(endorsements)
  if (parsed.success) return verifyQuote(evidence, parsed.data, given)
  return refused(
    await verifyQuote(evidence, emptyEndorsements, given),
    'bad-endorsements',
    'Intel’s endorsements are missing.',
  )
}

/**
 * The measurement of a guest as the chain names it, out of a verdict's measurements, which are one a
 * register. TDX: keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2), that is firmware, virtual hardware, kernel, command
 * line and initial disk. Others, which verifiers vouch for, by their kind (`Verdicts.nameOf`):
 * keccak256(0 ‖ keccak256(measurement)) for SEV-SNP, keccak256(1 ‖ keccak256(PCR0 ‖ PCR1 ‖ PCR2)) for Nitro.
 * Undefined where they are incomplete.
 */
export function measurementOf(measurements: Record<string, string>): `0x${string}` | undefined {
  const nameFor = (kind: keyof typeof VOUCHED_FOR | undefined, names: string[]) => {
    const registers = names.map((name) => measurements[name])
    if (registers.some((register) => register === undefined)) return undefined
    const digest = hashOf(...registers.map((register = '') => fromHex(register, 'A measurement')))
    return kind === undefined ? toHexWord(digest) : nameOf(kind, digest)
  }
  return (
    nameFor(undefined, ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2']) ??
    nameFor('sev-snp', ['measurement']) ??
    nameFor('nitro', ['pcr0', 'pcr1', 'pcr2'])
  )
}

/** Reads what a guest's evidence claims. Throws an `EvidenceError` for what is none. Nothing is verified. */
export async function claimsOfGuest(kind: GuestKind, evidence: Uint8Array): Promise<GuestClaims> {
  if (kind === 'sev-snp') {
    const { measurement, chipId, isChipIdMasked } = parseSnpReport(evidence)
    if (isChipIdMasked)
      throw new EvidenceError(
        'no-platform',
        'The report does not say which chip it is of, so the machine could serve many.',
      )
    return { ...named('sev-snp', measurement), platform: await hashed(chipId), family: '' }
  }
  if (kind === 'nitro') {
    const { pcrs, module_id } = parseNitroDocument(evidence)
    const registers = [0, 1, 2].map((index) => pcrs.get(index) ?? new Uint8Array())
    return {
      ...named('nitro', ...registers),
      platform: await hashed(new TextEncoder().encode(module_id)),
      family: '',
    }
  }
  const { body } = parseQuote(evidence)
  if (body.kind !== 'tdx')
    throw new EvidenceError('unsupported-quote', 'The quote is of an enclave, not of a TDX guest.')
  const { fmspc, ppid } = pckOf(evidence)
  const { mrTd, rtmr } = body.report
  const digest = toHexWord(hashOf(mrTd, rtmr[0], rtmr[1], rtmr[2]))
  return { measurement: digest, digest, platform: await hashed(ppid), family: toHex(fmspc) }
}

function refused(verdict: Verdict, code: string, message: string): Verdict {
  return { ...verdict, genuine: false, problems: [{ code, message }, ...verdict.problems] }
}

/** Kinds that verifiers vouch for, by their number on chain. */
const VOUCHED_FOR = { 'sev-snp': 0, nitro: 1 } as const

function named(kind: keyof typeof VOUCHED_FOR, ...registers: Uint8Array[]) {
  const digest = hashOf(...registers)
  return { measurement: nameOf(kind, digest), digest: toHexWord(digest) }
}

function nameOf(kind: keyof typeof VOUCHED_FOR, digest: Uint8Array): `0x${string}` {
  return toHexWord(hashOf(Uint8Array.of(VOUCHED_FOR[kind]), digest))
}

function hashOf(...parts: Uint8Array[]): Uint8Array {
  return keccak_256(concatBytes(...parts))
}

function toHexWord(digest: Uint8Array): `0x${string}` {
  return `0x${toHex(digest)}`
}

async function hashed(identity: Uint8Array): Promise<`0x${string}`> {
  return `0x${toHex(await crypto.digest('SHA-256', identity))}`
}
