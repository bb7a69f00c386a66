import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

/**
 * Headers that concern one connection only (RFC 9110, section 7.6.1), those of framing, and `expect`, which
 * each hop answers itself.
 */
export const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/**
 * What may not come after a body, because somebody further on could take it for a part of the head: framing,
 * routing, authentication, and what says how to read the body (RFC 9110, section 6.5.1). Ours go by their
 * prefixes.
 */
const NEVER_TRAILERS = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'forwarded',
  'host',
  'max-forwards',
  'pragma',
  'range',
  'set-cookie',
  'trailer',
  'www-authenticate',
])

/**
 * Headers as they may go on to the next connection; framing is left to whoever sends them. Those
 * `connection` names stay behind as well.
 */
export function endToEndHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = headers.connection === undefined ? undefined : namesIn(String(headers.connection))
  const kept: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || HOP_BY_HOP.has(name) || named?.has(name)) continue
    kept[name] = value
  }
  return kept
}

/**
 * The headers of a request as they go on, with those in `set` over them; undefined removes one. A name that
 * a program could take for one of ours, because it writes `_` for `-`, is removed too. Of `te` only the wish
 * for trailers is kept.
 */
export function requestHeaders(
  headers: IncomingHttpHeaders,
  set: Record<string, string | undefined>,
): OutgoingHttpHeaders {
  const all = endToEndHeaders(headers)
  for (const name of Object.keys(all))
    if (name.includes('_') && Object.hasOwn(set, name.replaceAll('_', '-'))) delete all[name]
  if (headers['te'] !== undefined && namesIn(String(headers['te'])).has('trailers')) all['te'] = 'trailers'
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined) delete all[name]
    else all[name] = value
  }
  return all
}

/** Trailers as they may go on. */
export function endToEndTrailers(
  trailers: NodeJS.Dict<string | string[]>,
): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(trailers)) {
    if (
      value === undefined ||
      name.startsWith(':') ||
      NEVER_TRAILERS.has(name) ||
      /^(x-forwarded-|cloister-)/.test(name)
    )
      continue
    kept[name] = value
  }
  return kept
}

function namesIn(list: string): Set<string> {
  return new Set(
    list
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  )
}
