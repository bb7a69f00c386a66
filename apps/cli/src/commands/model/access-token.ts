import { createHash, randomBytes } from 'node:crypto'

/** What the users of a private endpoint send. */
export function newAccessToken(): string {
  return `clo-${randomBytes(24).toString('base64url')}`
}

/** Its SHA-256, which is all that the endpoint's options have of it. */
export function hashOf(token: string): `0x${string}` {
  return `0x${createHash('sha256').update(token).digest('hex')}`
}
