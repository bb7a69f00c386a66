import { type IpAddress, parseIp } from './ip-address.ts'

/**
 * Addresses that lie inside a network or on the machine itself: IANA's special-purpose registries (RFC 6890),
 * multicast, reserved, and what carries an IPv4 address inside an IPv6 one (NAT64, 6to4, Teredo,
 * IPv4-compatible), which a translator would unpack.
 */
const IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]
const IPV6 = [
  // Only what is written by its IPv4 address, ::ffff:0:0/96, is judged as that; all the rest of ::/8 is
  // nobody's.
  '::/96',
  '::ffff:0:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '100:0:0:1::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]
/** Prefixes, as numbers, and how many bits are behind them. */
const INTERNAL = [...IPV4, ...IPV6].map((net) => {
  const [text = '', bits] = net.split('/')
  const { version, value } = addressIn(text)
  const behind = BigInt((version === 4 ? 32 : 128) - Number(bits))
  return { version, behind, prefix: value >> behind }
})

/**
 * Whether an IP address must not be reached on a stranger's word. An IPv4 address within IPv6 counts as what
 * it is; what is no address counts as internal.
 */
export function isInternalAddress(ip: string): boolean {
  const read = parseIp(ip)
  if (!read) return true
  const { version, value } = mappedOf(read)
  return INTERNAL.some((net) => net.version === version && value >> net.behind === net.prefix)
}

/** The IPv4 address that an IPv6 one writes (RFC 4291, section 2.5.5.2), or the address as it is. */
function mappedOf(address: IpAddress): IpAddress {
  const { version, value } = address
  return version === 6 && value >> 32n === 0xffffn ? { version: 4, value: value & 0xffffffffn } : address
}

function addressIn(net: string): IpAddress {
  const read = parseIp(net)
  if (!read) throw new TypeError(`${net} is no address`)
  return read
}

/** The networks that `isInternalAddress` goes by, for filters that want them written down. */
export const INTERNAL_NETWORKS = { ipv4: IPV4, ipv6: IPV6 } as const
