import type { Duplex } from 'node:stream'
import type { LeaseRecord } from '@cloister/core'
import { dialChecked, MUX_PROTOCOL, securePinned } from '@cloister/transport'

const CONNECT_MS = 5_000
/** Stands in no URL. */
const SEPARATOR = ' '

/**
 * What connections to a worker are kept by: its endpoint, its attested key, and the lease. Connections are
 * never shared between leases, so that whatever becomes of the framing on one, nobody gets an answer of
 * another lease's.
 */
export function targetOf({
  endpoint,
  tlsKeyHash,
  lease,
}: Pick<LeaseRecord, 'endpoint' | 'tlsKeyHash' | 'lease'>): string {
  return [endpoint, tlsKeyHash ?? '', lease].join(SEPARATOR)
}

/** The lease that a target is for. */
export function leaseIn(target: string): string {
  return target.split(SEPARATOR)[2] ?? ''
}

/**
 * Connects to a worker, over TLS only where its key is the attested one. Outside of development never over
 * anything but TLS, and never into a private network, whatever a name resolves to. In development a worker
 * that has attested a TLS key isn't spoken to without it either: its provider could have renamed its
 * endpoint, to read what users of running leases send.
 */
export async function dialEndpoint(target: string, isDevelopment: boolean): Promise<Duplex> {
  const [endpoint = '', keyHash = ''] = target.split(SEPARATOR)
  const url = new URL(endpoint)
  if (url.protocol !== 'https:' && (!isDevelopment || keyHash !== ''))
    throw new Error('the endpoint has no TLS')
  const socket = await dialChecked(
    url,
    { allowsInternal: isDevelopment, timeoutMs: CONNECT_MS },
    securePinned(keyHash, [MUX_PROTOCOL, 'http/1.1']),
  )
  return socket.setNoDelay(true)
}
