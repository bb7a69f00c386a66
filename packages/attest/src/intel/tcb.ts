import * as z from 'zod'
import { EvidenceError } from '../errors.ts'
import type { TcbStatus } from '../verdict.ts'

const MAX_LEVELS = 256
const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`))
const svn = z.int().min(0).max(255)
const svn16 = z.int().min(0).max(65_535)
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  .transform((text, context) => {
    const seconds = Date.parse(text) / 1000
    if (!Number.isNaN(seconds)) return seconds
    context.addIssue('is no point in time')
    return z.NEVER
  })
const tcbStatus = z.enum([
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
]) satisfies z.ZodType<TcbStatus>
const advisoryIDs = z.array(z.string().max(64)).max(MAX_LEVELS).default([])
const components = z.array(z.object({ svn })).length(16)
const isvLevels = z
  .array(z.object({ tcb: z.object({ isvsvn: svn16 }), tcbDate: z.string().max(32), tcbStatus, advisoryIDs }))
  .min(1)
  .max(MAX_LEVELS)
const moduleFields = { mrsigner: hexOf(48), attributes: hexOf(8), attributesMask: hexOf(8) }

/** TCB info, version 3 (Intel PCS API v4, "Get TCB Info"). Times in Unix seconds. */
const TcbInfo = z.object({
  id: z.enum(['SGX', 'TDX']),
  version: z.literal(3),
  issueDate: time,
  nextUpdate: time,
  fmspc: hexOf(6),
  pceId: hexOf(2),
  tcbType: z.literal(0),
  tcbEvaluationDataNumber: z.int().min(0),
  tdxModule: z.object(moduleFields).optional(),
  tdxModuleIdentities: z
    .array(z.object({ id: z.string().max(16), ...moduleFields, tcbLevels: isvLevels }))
    .max(MAX_LEVELS)
    .default([]),
  tcbLevels: z
    .array(
      z.object({
        tcb: z.object({
          sgxtcbcomponents: components,
          tdxtcbcomponents: components.optional(),
          pcesvn: svn16,
        }),
        tcbDate: z.string().max(32),
        tcbStatus,
        advisoryIDs,
      }),
    )
    .min(1)
    .max(MAX_LEVELS),
})
export type TcbInfo = z.infer<typeof TcbInfo>

/** Identity of a quoting enclave, version 2 (Intel PCS API v4, "Get Quoting Enclave Identity"). */
const QeIdentity = z.object({
  id: z.enum(['QE', 'TD_QE']),
  version: z.literal(2),
  issueDate: time,
  nextUpdate: time,
  tcbEvaluationDataNumber: z.int().min(0),
  miscselect: hexOf(4),
  miscselectMask: hexOf(4),
  attributes: hexOf(16),
  attributesMask: hexOf(16),
  mrsigner: hexOf(32),
  isvprodid: svn16,
  tcbLevels: isvLevels,
})
export type QeIdentity = z.infer<typeof QeIdentity>

/** Throws `bad-tcb-info`. */
export function parseTcbInfo(text: string): TcbInfo {
  return parseJson(TcbInfo, text, 'bad-tcb-info', 'The TCB info')
}

/** Throws `bad-qe-identity`. */
export function parseQeIdentity(text: string): QeIdentity {
  return parseJson(QeIdentity, text, 'bad-qe-identity', 'The quoting enclave’s identity')
}

/** A status with the advisories that explain it. */
export interface TcbLevel {
  status: TcbStatus
  advisories: string[]
}

/**
 * The first level that the platform reaches in every component (PCS API v4: levels come in descending
 * order). For a TDX module of version 1 or higher the first two TDX components are judged by the module's
 * identity instead. Undefined: below all.
 */
export function matchPlatform(
  info: TcbInfo,
  platform: { componentSvns: readonly number[]; pceSvn: number; teeTcbSvn: Uint8Array | undefined },
): TcbLevel | undefined {
  const { componentSvns, pceSvn, teeTcbSvn } = platform
  const from = teeTcbSvn && (teeTcbSvn[1] ?? 0) > 0 ? 2 : 0
  const level = info.tcbLevels.find(({ tcb }) => {
    if (
      pceSvn < tcb.pcesvn ||
      tcb.sgxtcbcomponents.some(({ svn }, index) => (componentSvns[index] ?? -1) < svn)
    )
      return false
    if (!teeTcbSvn) return true
    return (
      tcb.tdxtcbcomponents?.every(({ svn }, index) => index < from || (teeTcbSvn[index] ?? -1) >= svn) ??
      false
    )
  })
  return level && { status: level.tcbStatus, advisories: level.advisoryIDs }
}

/** The first level that an enclave or TDX module of this SVN reaches. Undefined: below all. */
export function matchIsvSvn(
  levels: TcbInfo['tdxModuleIdentities'][number]['tcbLevels'],
  isvSvn: number,
): TcbLevel | undefined {
  const level = levels.find(({ tcb }) => isvSvn >= tcb.isvsvn)
  return level && { status: level.tcbStatus, advisories: level.advisoryIDs }
}

/**
 * The platform's status once that of its quoting enclave or TDX module is known (Intel's QVL,
 * `convergeTcbStatusWithQeTcbStatus` and its sibling for the TDX module): an outdated part makes the whole
 * outdated, a revoked one revokes it.
 */
export function mergeStatus(whole: TcbLevel, part: TcbLevel): TcbLevel {
  const advisories = [...new Set([...whole.advisories, ...part.advisories])]
  return { status: mergedStatus(whole.status, part.status), advisories }
}

function mergedStatus(whole: TcbStatus, part: TcbStatus): TcbStatus {
  if (whole === 'Revoked' || part === 'Revoked') return 'Revoked'
  if (part === 'OutOfDate' || part === 'OutOfDateConfigurationNeeded') {
    const configuration = part === 'OutOfDateConfigurationNeeded' || CONFIGURATION.has(whole)
    return configuration ? 'OutOfDateConfigurationNeeded' : 'OutOfDate'
  }
  return SEVERITY.indexOf(part) > SEVERITY.indexOf(whole) ? part : whole
}

const CONFIGURATION = new Set<TcbStatus>([
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDateConfigurationNeeded',
])
/** From best to worst. */
const SEVERITY: TcbStatus[] = tcbStatus.options

function parseJson<T extends z.ZodType>(schema: T, text: string, code: string, what: string): z.output<T> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new EvidenceError(code, `${what} is not JSON.`, { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new EvidenceError(code, `${what} can not be read: ${issue?.path.join('.')} ${issue?.message}.`)
}
