import { type Address, type Hex, sha256, toHex } from 'viem'

/** Addresses of a place on a private network. */
export interface NetworkAddresses {
  ipv6: string
  ipv4: string
}

/** IPv4 addresses of all private networks: shared address space (RFC 6598), used by few sites. */
export const NETWORK_IPV4 = '100.64.0.0/10'

/**
 * The addresses of a tenant's network: a unique local prefix (RFC 4193, section 3.2.2: `fd` and 40 bits,
 * here of a hash). Everybody reckons the same one, so that nobody has to hand any out.
 */
export function networkPrefix(tenant: Address, network: string): string {
  const hash = hashOf('prefix', tenant.toLowerCase(), network)
  return `${groups(`fd${hash.slice(0, 10)}`)}::/48`
}

/**
 * The addresses of one place of a lease on a network: 80 bits of a hash below the network's prefix, and 22
 * bits of it in `NETWORK_IPV4`, which two places may share by chance: one of them is then reached over IPv6
 * alone.
 *
 * @param link The place within the lease: a container's name, or empty where all share one.
 */
export function networkAddresses(
  tenant: Address,
  network: string,
  lease: Hex,
  link: string,
): NetworkAddresses {
  const prefix = hashOf('prefix', tenant.toLowerCase(), network).slice(0, 10)
  const hash = hashOf('host', lease, link)
  const bits = Number.parseInt(hash.slice(20, 26), 16) & 0x3fffff
  return {
    ipv6: groups(`fd${prefix}${hash.slice(0, 20)}`),
    ipv4: `100.${64 + (bits >> 16)}.${(bits >> 8) & 0xff}.${bits & 0xff}`,
  }
}

function hashOf(...parts: string[]): string {
  return sha256(toHex(['cloister network', ...parts].join('\0'))).slice(2)
}

/** Hexadecimal digits as groups of an IPv6 address, as RFC 5952 writes them but for zeros left out. */
function groups(digits: string): string {
  return (digits.match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, '')).join(':')
}
