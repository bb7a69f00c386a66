import { networkInterfaces } from 'node:os'
import { parseIp } from '@cloister/core'

/**
 * What a server listens on that is to be reached by every address of this machine: `::`, which takes IPv4 as
 * well, where there is IPv6, and else `0.0.0.0`.
 */
export function everyAddress(): '::' | '0.0.0.0' {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  return addresses.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0'
}

/**
 * An address as people write it: IPv4 as itself, also where it came over a socket of IPv6 (RFC 4291, section
 * 2.5.5.2), and IPv6 without the name of an interface.
 */
export function plainAddress(address: string): string {
  const [bare = ''] = address.split('%', 1)
  if (!/^[0:]*:ffff:/i.test(bare)) return bare
  const dotted = bare.replace(/^::ffff:(?=\d+\.)/i, '')
  if (dotted !== bare) return dotted
  // Others write it with groups of hexadecimal digits.
  const value = parseIp(bare)?.value ?? 0n
  if (value >> 32n !== 0xffffn) return bare
  return [24n, 16n, 8n, 0n].map((bits) => (value >> bits) & 0xffn).join('.')
}

/** A host as it stands before a port: IPv6 in brackets (RFC 3986, section 3.2.2). */
export function hostInUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
