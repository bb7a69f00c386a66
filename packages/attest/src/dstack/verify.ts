import { crypto } from '#crypto'
import { toHex } from '../bytes.ts'
import { Findings, type Rule } from '../findings.ts'
import type { Check, Problem, Verdict } from '../verdict.ts'
import { type DstackIdentity, identityOf, parseEventLog, replayEventLog } from './event-log.ts'

const DSTACK = 'dstack, docs/attestation.md'
const RULE = {
  firmware: {
    code: 'rtmr0',
    title: 'The log explains RTMR0: firmware and virtual hardware',
    source: DSTACK,
    otherwise: 'The event log does not explain RTMR0.',
  },
  kernel: {
    code: 'rtmr1',
    title: 'The log explains RTMR1: kernel',
    source: DSTACK,
    otherwise: 'The event log does not explain RTMR1.',
  },
  system: {
    code: 'rtmr2',
    title: 'The log explains RTMR2: command line and initial disk',
    source: DSTACK,
    otherwise: 'The event log does not explain RTMR2.',
  },
  app: {
    code: 'rtmr3',
    title: 'The log explains RTMR3: app, keys, and what the app measured itself',
    source: DSTACK,
    otherwise: 'The event log does not explain RTMR3.',
  },
  compose: {
    code: 'compose-hash',
    title: 'The compose file given is the one that runs',
    source: DSTACK,
    otherwise: 'The compose file given is not the one that runs.',
  },
} satisfies Record<string, Rule>
const REGISTERS = [RULE.firmware, RULE.kernel, RULE.system, RULE.app]

/** Which app a dstack machine runs, and what was compared to find out. */
export interface DstackVerdict {
  genuine: boolean
  identity: DstackIdentity | undefined
  checks: Check[]
  problems: Problem[]
}

/**
 * Replays a dstack machine's event log against the registers of its verified quote, and says which app runs
 * there. `compose`: the bytes of app-compose.json, where they are known. `isBundled`: the log is of a
 * bundled attestation, which leaves out what firmware and kernel measured, so that only the app's register
 * is replayed. Never throws for what is in the evidence.
 */
export async function verifyDstack(
  quote: Pick<Verdict, 'genuine' | 'measurements'>,
  eventLog: string,
  compose?: Uint8Array,
  { isBundled = false } = {},
): Promise<DstackVerdict> {
  const findings = new Findings()
  const identity = await findings.attempt(async () => {
    const events = parseEventLog(eventLog)
    const replayed = await replayEventLog(events)
    for (const [index, rule] of REGISTERS.entries()) {
      if (isBundled && rule !== RULE.app) continue
      const wanted = quote.measurements[`rtmr${index}`]
      findings.note(rule, replayed[index] === wanted, replayed[index], wanted)
    }
    return identityOf(events)
  })
  if (identity && compose) {
    const found = toHex(await crypto.digest('SHA-256', compose))
    findings.note(RULE.compose, found === identity.composeHash, found, identity.composeHash)
  }
  const { checks, problems } = findings
  // What a quote that isn't genuine measured means nothing.
  return {
    genuine: quote.genuine && problems.length === 0,
    identity: problems.length === 0 ? identity : undefined,
    checks,
    problems,
  }
}

/** Tags of report data that dstack's guest agent puts in front of what it hashes. */
export type ReportDataTag = 'app-data' | 'ratls-cert' | 'kms-root-ca'

/** Report data as dstack's guest agent binds content to a quote: SHA-512(tag ‖ ":" ‖ content), 64 bytes. */
export function dstackReportData(tag: ReportDataTag, content: Uint8Array): Promise<Uint8Array> {
  const head = new TextEncoder().encode(`${tag}:`)
  const message = new Uint8Array(head.length + content.length)
  message.set(head)
  message.set(content, head.length)
  return crypto.digest('SHA-512', message)
}

/**
 * The bytes whose SHA-256 is an app's compose hash, as dstack's clients make them: keys sorted at every
 * level, no white space, NaN and infinities as null, undefined left out.
 */
export function composeBytes(appCompose: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(sorted(appCompose)))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}
