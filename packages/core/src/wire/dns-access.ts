import * as z from 'zod'
import { CloisterError } from '../errors/error.ts'

/** Names of algorithms by which messages of DNS are signed (RFC 8945, section 6), those that still hold. */
const ALGORITHMS = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const
const NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
/** A name or an address, IPv6 in brackets, with a port where it isn't 53. */
const SERVER = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(\d{1,5}))?$/

/** A key that signs updates of DNS (TSIG). */
export const DnsKey = z.strictObject({
  /** As the server knows it. */
  name: z.string().regex(NAME, 'not the name of a key'),
  algorithm: z.enum(ALGORITHMS),
  /** Base64, 16 to 256 bytes. */
  secret: z.string().regex(/^(?=.{22,344}$)[A-Za-z0-9+/]+={0,2}$/, 'not base64 of 16 bytes or more'),
})
export type DnsKey = z.infer<typeof DnsKey>

/** How a worker changes DNS for a tenant's domains: updates (RFC 2136) to a server, signed by a key. */
export const DnsAccess = z.strictObject({
  server: z
    .string()
    .max(260)
    .refine((text) => {
      const match = SERVER.exec(text)
      const port = Number(match?.[1] ?? 53)
      return match !== null && port > 0 && port < 65_536 && URL.canParse(`http://${text}`)
    }, 'not a name server: a name or an address, with a port where it is not 53'),
  key: DnsKey,
})
export type DnsAccess = z.infer<typeof DnsAccess>

/** `PUT /v1/leases/{id}/dns`: in place of the one before; null for none. It is wiped with the lease. */
export const DnsAccessChange = z.strictObject({ access: DnsAccess.nullable() })

/**
 * The key in a file as programs write it: BIND's (`tsig-keygen`), Knot's (`keymgr -t`), or one line as
 * `nsupdate -y` takes it, `hmac-sha256:name:secret`. Throws `bad-key`.
 *
 * @example
 * ```ts
 * import { readDnsKey } from '@cloister/sdk'
 *
 * readDnsKey('key "acme" { algorithm hmac-sha256; secret "c2VjcmV0IG9mIDE2IGJ5dGVz"; };')
 * ```
 */
export function readDnsKey(text: string): DnsKey {
  const block = /\bkey\s+"?([^\s"{;]{1,255})"?\s*\{([^}]{1,1000})\}/.exec(text)
  const field = (name: string) =>
    new RegExp(`\\b${name}\\s+"?([^\\s";]{1,512})"?\\s*;`).exec(block?.[2] ?? '')?.[1]
  const line = /^#?[ \t]*(hmac-sha\d{3}):([^\s:]{1,255}):(\S{1,512})[ \t]*$/im.exec(text)
  const [algorithm, name, secret] = block
    ? [field('algorithm'), block[1], field('secret')]
    : [line?.[1], line?.[2], line?.[3]]
  const parsed = DnsKey.safeParse({
    name: name?.toLowerCase().replace(/\.$/, ''),
    algorithm: algorithm?.toLowerCase(),
    secret,
  })
  if (parsed.success) return parsed.data
  const wrong = String(parsed.error.issues[0]?.path[0])
  throw new CloisterError(
    'bad-key',
    name === undefined
      ? 'There is no key for updates of DNS in the file.'
      : `The ${wrong} of the key for updates of DNS can't be used.`,
    {
      hint: `Write one with \`tsig-keygen\` or \`keymgr -t\`, or as one line, hmac-sha256:name:secret; ${ALGORITHMS.join(', ')} are taken.`,
    },
  )
}
