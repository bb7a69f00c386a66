import type { IncomingMessage } from 'node:http'
import { CloisterError } from '@cloister/core'

/** Where a request may come from by its own word: `Sec-Fetch-Site` of the Fetch Metadata standard. */
const OWN_SITES = new Set(['none', 'same-origin'])

/**
 * Throws `forbidden` for what only a web page would send: pages of any site can reach loopback, and would
 * spend the key. A page is told by its `Origin` or `Sec-Fetch-Site`; one that has its own name lead to
 * loopback (DNS rebinding) by the `Host` that it asks for.
 */
export function refusePages({ headers, method }: IncomingMessage, port: number): void {
  const hosts = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`)
  const isNamed = headers.host !== undefined && hosts.includes(headers.host.toLowerCase())
  const site = headers['sec-fetch-site']
  const isOwn = site === undefined || (typeof site === 'string' && OWN_SITES.has(site))
  if (isNamed && headers.origin === undefined && isOwn && method !== 'OPTIONS') return
  throw new CloisterError('forbidden', 'Web pages are not answered here, nor any host but loopback.', {
    hint: `Programs on this machine ask http://127.0.0.1:${port}/v1.`,
  })
}
