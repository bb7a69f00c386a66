/** Who a request says that it is part of. */
export interface TraceParent {
  /** 32 digits of lower-case hex. */
  traceId: string
  /** 16 digits of lower-case hex. */
  spanId: string
  /** Whether its sender records it. */
  isSampled: boolean
}

const MAX_CHARACTERS = 512
const FIELDS = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const SAMPLED = 1

/**
 * Reads the field `traceparent`; undefined for what isn't one. Later versions are read as far as the first
 * one goes (W3C Trace Context, sections 3.2 and 4.3).
 */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  if (text === undefined || text.length > MAX_CHARACTERS) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = FIELDS.exec(text) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 }
}
