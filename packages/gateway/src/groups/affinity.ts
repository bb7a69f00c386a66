import { createHash } from 'node:crypto'

const NAME = 'cloister-replica'
const VALUE = new RegExp(`(?:^|;\\s*)${NAME}=([\\w-]{22})(?:;|$)`)

/**
 * What a client's cookie says of the replica that it was led to. It is the same at every gateway and after a
 * restart, tells no address, and gives nobody anything: whoever sends another one is led to another replica.
 */
export function tokenOf(lease: string): string {
  return createHash('sha256').update(`${NAME} ${lease}`).digest('base64url').slice(0, 22)
}

/** The token in the `cookie` field of a request. */
export function tokenIn(cookies: string | undefined): string | undefined {
  return cookies === undefined ? undefined : VALUE.exec(cookies)?.[1]
}

/** A `set-cookie` field (RFC 6265) for the time of the browser's session; of the host alone. */
export function cookieFor(lease: string, secure: boolean): string {
  return `${NAME}=${tokenOf(lease)}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
}
