import { lookup } from 'node:dns'
import { connect, isIP, type LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import { isInternalAddress, type LeaseRecord } from '@cloister/core'
import { connectPinned } from '@cloister/relay'

const CONNECT_MS = 5_000
/** Stands in no URL. */
const SEPARATOR = ' '

/** What connections to a worker are kept by: its endpoint and, over TLS, its attested key. */
export function targetOf({ endpoint, tlsKeyHash }: Pick<LeaseRecord, 'endpoint' | 'tlsKeyHash'>): string {
  return `${endpoint}${SEPARATOR}${tlsKeyHash ?? ''}`
}

/** Connects to a worker, over TLS only where its key is the attested one. With `allowPrivate` false it never leads into a private network, whatever a name resolves to. */
export function dialEndpoint(target: string, allowPrivate: boolean): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const [endpoint = '', keyHash = ''] = target.split(SEPARATOR)
    const url = new URL(endpoint)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (!allowPrivate && isIP(host) !== 0 && isInternalAddress(host)) return reject(new Error('the endpoint is inside a private network'))
    const guarded: LookupFunction = (name, options, callback) =>
      lookup(name, { ...options, all: true }, (error, addresses) => {
        const open = (addresses ?? []).filter(({ address }) => allowPrivate || !isInternalAddress(address))
        const [first] = open
        if (error || !first) return callback(error ?? new Error('the endpoint is inside a private network'), '', 4)
        if (options.all) (callback as (error: null, addresses: { address: string; family: number }[]) => void)(null, open)
        else callback(null, first.address, first.family)
      })
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
    const options = { host, port, lookup: guarded, noDelay: true, timeout: CONNECT_MS }
    if (url.protocol === 'https:') return void connectPinned(options, keyHash).then(resolve, reject)
    const socket = connect(options)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
    socket.once('timeout', () => socket.destroy(new Error('the worker does not answer')))
  })
}
