/** An IP address as a number. */
export interface IpAddress {
  version: 4 | 6
  value: bigint
}

const ZONE = /%[0-9a-zA-Z.:-]+$/

/**
 * Reads an IPv4 address (four decimal numbers without leading zeros) or an IPv6 one (RFC 4291, section 2.2;
 * a zone, RFC 4007, is read over). Undefined for anything else.
 */
export function parseIp(text: string): IpAddress | undefined {
  const ipv4 = parseIpv4(text)
  if (ipv4 !== undefined) return { version: 4, value: ipv4 }
  const ipv6 = parseIpv6(text.replace(ZONE, ''))
  return ipv6 === undefined ? undefined : { version: 6, value: ipv6 }
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0n
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256n + BigInt(part)
  }
  return value
}

function parseIpv6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const before = groupsOf(head, tail === undefined)
  const after = tail === undefined ? [] : groupsOf(tail, true)
  if (!before || !after) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...before, ...Array.from({ length: missing }, () => 0n), ...after]
  return groups.reduce((value, group) => value * 65_536n + group, 0n)
}

/** Groups of 16 bits; where the address ends with them, the last two may be written as an IPv4 address. */
function groupsOf(text: string, isEnd: boolean): bigint[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const groups: bigint[] = []
  for (const [index, part] of parts.entries()) {
    const ipv4 = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined
    if (ipv4 !== undefined) groups.push(ipv4 >> 16n, ipv4 & 0xffffn)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`))
    else return undefined
  }
  return groups
}
