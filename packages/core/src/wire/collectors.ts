// Where a tenant has a lease's logs and metrics sent. It goes to the worker beside the manifest, since
// headers are often secrets.
import * as z from 'zod'
import { toBase64, utf8 } from '../bytes.ts'
import { CloisterError } from '../errors/error.ts'

/** Collectors of a lease at one time. */
const MOST_COLLECTORS = 4
const MAX_HEADERS = 16
const SCHEME = /^(otlp|loki|syslog)(?:\+(https?|tls|tcp))?:\/\//
/** Of each kind, the ways to it; the first where none is named. */
const WAYS: Record<CollectorKind, Record<string, 'http' | 'https'>> = {
  otlp: { https: 'https', http: 'http' },
  loki: { https: 'https', http: 'http' },
  syslog: { tls: 'https', tcp: 'http' },
}
const SYSLOG_PORTS = { https: 6514, http: 601 } as const
/** What a request says of itself; nobody else may (RFC 9110, RFC 9112). */
const OWN_HEADERS = new Set([
  ...['host', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'connection'],
  ...['upgrade', 'te', 'trailer', 'expect', 'keep-alive', 'proxy-connection'],
])

/** What a collector speaks. */
export type CollectorKind = 'otlp' | 'loki' | 'syslog'

/** A collector's address, read. */
export interface CollectorPlace {
  kind: CollectorKind
  /** Where to dial: `https:` over TLS, `http:` over plain TCP. */
  url: URL
}

/**
 * Reads `otlp://host`, `otlp+https://host/path`, `loki+http://host:3100`, `syslog+tls://host:6514` and the
 * like. Without a way it is the secure one. Undefined for anything else, and where a name or password is in
 * it.
 */
export function collectorPlace(text: string): CollectorPlace | undefined {
  const found = SCHEME.exec(text)
  const kind = found?.[1] as CollectorKind | undefined
  if (!found || !kind) return undefined
  const ways = WAYS[kind]
  const protocol = ways[found[2] ?? Object.keys(ways)[0] ?? '']
  const rest = text.slice(found[0].length)
  if (!protocol || !URL.canParse(`${protocol}://${rest}`)) return undefined
  const url = new URL(`${protocol}://${rest}`)
  if (url.username !== '' || url.password !== '' || url.hash !== '' || url.hostname === '') return undefined
  if (kind !== 'syslog') return { kind, url }
  if (url.pathname !== '/' || url.search !== '') return undefined
  // Its own port, not that of the protocol that stands for the way.
  const port = /:\d+$/.test(rest.replace(/\/$/, ''))
    ? Number(url.port || (protocol === 'https' ? 443 : 80))
    : 0
  url.port = String(port || SYSLOG_PORTS[protocol])
  return { kind, url }
}

const header = z.string().regex(/^[\x20-\x7e\x80-\xff]{1,8192}$/, 'not the value of a header')

/** A collector that a lease's logs go to; metrics of its containers too, where it speaks OpenTelemetry. */
export const Collector = z.strictObject({
  url: z
    .string()
    .max(2048)
    .refine(
      (text) => collectorPlace(text) !== undefined,
      'not otlp://…, loki://… or syslog://…, without a password in it',
    ),
  /** Sent with each request: logins, tenants of a shared collector. Not for syslog. */
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'not the name of a header'), header)
    .refine(
      (headers) =>
        Object.keys(headers).length <= MAX_HEADERS &&
        Object.keys(headers).every((name) => !OWN_HEADERS.has(name.toLowerCase())),
      `at most ${MAX_HEADERS}, and none that a request says of itself`,
    )
    .default({}),
  /** Certificates (PEM) that its own has to come from, in place of those that everybody trusts. */
  ca: z.string().max(65_536).optional(),
  /** Only the logs of these services. */
  services: z.array(z.string().max(64)).min(1).max(64).optional(),
})
export type Collector = z.infer<typeof Collector>

/** `PUT /v1/leases/{id}/collectors`: in place of those before. They are wiped with the lease. */
export const Collectors = z.strictObject({ collectors: z.array(Collector).max(MOST_COLLECTORS) })

/** How it goes with one of them. */
export const CollectorReport = z.object({
  /** Without its query. */
  url: z.string().max(2048),
  /** Lines that it took, and those that were dropped: it was too slow, refused them or was away. */
  sent: z.int().min(0),
  dropped: z.int().min(0),
  /** Lines that wait for it. */
  waiting: z.int().min(0),
  /** When it last took something, Unix milliseconds. */
  lastSentAt: z.number().optional(),
  /** Why it takes nothing just now. */
  problem: z.string().max(1024).optional(),
})
export type CollectorReport = z.infer<typeof CollectorReport>

/** `GET /v1/leases/{id}/collectors`. */
export const CollectorsReport = z.object({ collectors: z.array(CollectorReport).max(MOST_COLLECTORS) })

/** A collector's address as it may be shown: without its query, which is often a secret. */
export function shownCollector(url: string): string {
  return url.replace(/\?.*$/s, '')
}

/**
 * A collector as a person names it: `otlp://user:password@host`, with further headers (`Name: value`). A name
 * and password become a header (RFC 7617). Throws `bad-option`.
 *
 * @example
 * ```ts
 * import { leases, readCollector } from '@cloister/sdk'
 *
 * const { asTenant } = await leases.openSession(cloister, 'my-app')
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * await asTenant.putCollectors(lease, [readCollector('otlp+https://me:word@collector.example.com')])
 * ```
 */
export function readCollector(
  text: string,
  headers: readonly string[] = [],
  more: Pick<Collector, 'ca' | 'services'> = {},
): Collector {
  const login = /^([a-z+]+:\/\/)([^/?#@]*)@/.exec(text)
  const given = Object.fromEntries(
    headers.map((line) => {
      const colon = line.indexOf(':')
      if (colon < 1) throw new CloisterError('bad-option', 'A header is written as Name: value.')
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    }),
  )
  const parsed = Collector.safeParse({
    url: login ? `${login[1]}${text.slice(login[0].length)}` : text,
    headers: {
      ...(login && { authorization: `Basic ${toBase64(utf8(decoded(login[2] ?? '')))}` }),
      ...given,
    },
    ...more,
  })
  if (parsed.success) {
    if (collectorPlace(parsed.data.url)?.kind !== 'syslog' || Object.keys(parsed.data.headers).length === 0)
      return parsed.data
    throw new CloisterError('bad-option', 'Syslog has no headers, and no login.')
  }
  const [issue] = parsed.error.issues
  const what = issue?.path[0] === 'url' ? JSON.stringify(shownCollector(text).slice(0, 200)) : 'A header'
  throw new CloisterError('bad-option', `${what} is ${issue?.message ?? 'no collector'}.`, {
    hint: 'As in otlp+https://host:4318, loki+https://host or syslog+tls://host:6514.',
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
