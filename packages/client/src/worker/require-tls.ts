import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'

/**
 * Throws `not-attested` for an endpoint without TLS: anybody on the way could read along. Development
 * networks may have such.
 */
export function requireTls({ development }: Pick<Network, 'development'>, endpoint: string): void {
  if (development || endpoint.startsWith('https:')) return
  throw new CloisterError(
    'not-attested',
    `The worker at ${endpoint.slice(0, 100)} is reached without TLS, which is for development networks only.`,
  )
}
