/** Fields of answers that programs in pages read. */
const EXPOSED = [
  'cloister-lease',
  'payment-required',
  'payment-response',
  'request-id',
  'retry-after',
  'x-receipt-id',
  'x-request-id',
].join(', ')

/**
 * Lets programs in pages of every origin ask (Fetch standard, section 3.2): a bearer key is all that counts
 * here, and no page has one that it wasn't given. Whoever leases an endpoint can have it answer a page: such
 * a one gets no script to run in the gateway's own name (CSP Level 3, section 6.3.3).
 */
export const EVERY_ORIGIN = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED,
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
} as const

/** The same as lines of a head. */
export const EVERY_ORIGIN_LINES = Object.entries(EVERY_ORIGIN)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

/** Fields that an endpoint may have set of these: the door's word counts, and nobody is given cookies. */
export const UNSAID: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
  'content-security-policy',
  'set-cookie',
  'x-content-type-options',
])

const HEADER_NAMES = /^[\w-]{1,100}(?:, ?[\w-]{1,100}){0,63}$/

/**
 * What a browser is told that asks whether it may ask. Names of fields are repeated: `*` doesn't stand for
 * `authorization`, and clients send `x-stainless-…` of which each version has others.
 */
export function preflight(wanted: string | undefined): Record<string, string> {
  const names = wanted !== undefined && HEADER_NAMES.test(wanted) ? wanted : 'authorization, content-type'
  return {
    ...EVERY_ORIGIN,
    'access-control-allow-methods': 'GET, POST, OPTIONS',
    'access-control-allow-headers': names,
    'access-control-max-age': '86400',
    vary: 'access-control-request-headers',
  }
}
