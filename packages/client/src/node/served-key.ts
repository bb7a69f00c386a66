import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { connect } from 'node:tls'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'

const CONNECT_MS = 10_000

/** What somebody who connects to a domain is shown. */
export interface ServedKey {
  /** SHA-256 of the SubjectPublicKeyInfo of the key that the other side proved to hold. */
  keyHash: Hex
  /** Whether this machine's authorities stand behind the certificate. */
  isTrusted: boolean
}

/**
 * Where those who connect to a domain may come: each of its addresses, of IPv4 and of IPv6. Throws
 * `unreachable` where it has none.
 *
 * @example
 * ```ts
 * import { placesOf, servedKey } from '@cloister/sdk/node'
 *
 * for (const place of await placesOf('app.example.org'))
 *   console.log(place.host, (await servedKey('app.example.org', place)).keyHash)
 * ```
 */
export async function placesOf(domain: string): Promise<{ host: string; port: number }[]> {
  const found = await lookup(domain, { all: true }).catch((cause) => {
    throw new CloisterError('unreachable', `${domain} has no address.`, { cause })
  })
  return found.map(({ address }) => ({ host: address, port: 443 }))
}

/**
 * The key that a domain is served with over TLS, as anybody sees it. Held against what the attested worker
 * says of its keys, it tells that TLS ends there and nowhere before. `at`: where to connect, if not where DNS
 * leads. Throws `unreachable`.
 *
 * @example
 * ```ts
 * import { servedKey } from '@cloister/sdk/node'
 *
 * const { keyHash, isTrusted } = await servedKey('app.example.org')
 * console.log(keyHash, isTrusted)
 * ```
 */
export function servedKey(
  domain: string,
  at: { host: string; port: number } = { host: domain, port: 443 },
): Promise<ServedKey> {
  return new Promise((done, reject) => {
    const fail = (cause: Error) =>
      reject(new CloisterError('unreachable', `${domain} does not answer over TLS.`, { cause }))
    const socket = connect({ ...at, servername: domain, rejectUnauthorized: false, timeout: CONNECT_MS })
    socket.once('error', fail)
    socket.once('timeout', () => socket.destroy(new Error('it does not answer in time')))
    socket.once('secureConnect', () => {
      const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' })
      socket.destroy()
      if (!spki) return fail(new Error('it shows no certificate'))
      done({
        keyHash: `0x${createHash('sha256').update(spki).digest('hex')}`,
        isTrusted: socket.authorized,
      })
    })
  })
}
