import { lookup } from 'node:dns'
import { BlockList, connect, isIP, type LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'

const CONNECT_MS = 5_000

/** Addresses inside a network, which a stranger's endpoint must not lead to (RFC 6890 and IPv6 counterparts). */
const PRIVATE = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv6')

/** Whether an address is inside a network rather than on the public internet. IPv4 within IPv6 counts as IPv4. */
export function isPrivate(ip: string): boolean {
  const version = isIP(ip)
  return version === 0 || PRIVATE.check(ip, version === 4 ? 'ipv4' : 'ipv6')
}

/** Connects to a worker's endpoint. With `allowPrivate` false it never leads into a private network, whatever a name resolves to. */
export function dialEndpoint(endpoint: string, allowPrivate: boolean): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const url = new URL(endpoint)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (!allowPrivate && isIP(host) !== 0 && isPrivate(host)) return reject(new Error('the endpoint is inside a private network'))
    const guarded: LookupFunction = (name, options, callback) =>
      lookup(name, { ...options, all: true }, (error, addresses) => {
        const open = (addresses ?? []).filter(({ address }) => allowPrivate || !isPrivate(address))
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
