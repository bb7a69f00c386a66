import { lookup } from 'node:dns'
import { connect, isIP, type LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { isInternalAddress } from '@cloister/core'

const CONNECT_MS = 5_000

/** Connects to a worker's endpoint. With `allowPrivate` false it never leads into a private network, whatever a name resolves to. */
export function dialEndpoint(endpoint: string, allowPrivate: boolean): Promise<Duplex> {
  return new Promise((resolve, reject) => {
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
    const socket = url.protocol === 'https:' ? connectTls({ ...options, ...(isIP(host) === 0 && { servername: host }) }) : connect(options)
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0)
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
    socket.once('timeout', () => socket.destroy(new Error('the worker does not answer')))
  })
}
