import { spawn } from 'node:child_process'
import { INTERNAL_NETWORKS } from '@cloister/core'
import type { WayOutLimits } from './limits.ts'

/** The end of private networks' tunnels in a lease's network. */
export const PRIVATE_DEVICE = 'private0'

/**
 * Questions to name servers that a lease may ask in a second: they go to the machine's own, whom a flood
 * would keep from others.
 */
const QUESTIONS = { perSecond: 500, burst: 1_000 }

/**
 * UDP ports at which machines take packets of networks that span several: VXLAN (RFC 7348, and as Linux had
 * it before), Geneve (RFC 8926). Whoever can send there from a machine's address, as leases do, puts packets
 * into networks of other leases.
 */
const OVERLAY_PORTS = [4789, 8472, 6081]

/**
 * Runs nftables' program on rules, all of which take effect or none. `prefix` is a command that enters a
 * network namespace.
 */
export async function applyRules(rules: string, prefix: readonly string[] = []): Promise<void> {
  const [program = 'nft', ...args] = [...prefix, 'nft', '-f', '-']
  const child = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  })
  let told = ''
  child.stderr.on('data', (chunk) => (told += chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(rules)
  const code = await new Promise<number>((resolve, reject) =>
    child.once('error', reject).once('close', (value) => resolve(value ?? 1)),
  )
  if (code !== 0) throw new Error(`nft: ${told.trim().split('\n')[0] ?? code}`)
}

/**
 * Sets, a chain `questions` that lets DNS pass within limits, and a chain `outward` that refuse what no
 * lease may reach: private and special networks (RFC 6890), the addresses in `hosts`, and what goes beyond
 * the limits, counted by `key`. What passes returns.
 */
export function outwardRules(
  key: 'iifname' | 'oifname',
  limits: WayOutLimits,
  hosts: readonly string[],
): string {
  const [v4, v6] = [
    hosts.filter((address) => !address.includes(':')),
    hosts.filter((address) => address.includes(':')),
  ]
  return `
    ${set('internal4', 'ipv4_addr; flags interval', INTERNAL_NETWORKS.ipv4)}
    ${set('internal6', 'ipv6_addr; flags interval', INTERNAL_NETWORKS.ipv6)}
    ${set('hosts4', 'ipv4_addr', v4)}
    ${set('hosts6', 'ipv6_addr', v6)}
    ${set('connections', 'ifname; size 65535; flags dynamic', [])}
    ${set('openings', 'ifname; size 65535; flags dynamic', [])}
    ${set('outgoing', 'ifname; size 65535; flags dynamic', [])}
    ${set('incoming', 'ifname; size 65535; flags dynamic', [])}
    ${set('questions', 'ifname; size 65535; flags dynamic', [])}
    chain questions {
      update @questions { ${key} limit rate over ${QUESTIONS.perSecond}/second burst ${QUESTIONS.burst} packets } drop
      accept
    }
    chain outward {
      update @outgoing { ${key} limit rate over ${limits.mibPerSecond} mbytes/second burst ${2 * limits.mibPerSecond} mbytes } drop
      ct state established,related accept
      udp dport { ${OVERLAY_PORTS.join(', ')} } reject with icmpx admin-prohibited
      ip daddr @internal4 reject with icmpx admin-prohibited
      ip6 daddr @internal6 reject with icmpx admin-prohibited
      ip daddr @hosts4 reject with icmpx admin-prohibited
      ip6 daddr @hosts6 reject with icmpx admin-prohibited
      ip6 daddr != 2000::/3 reject with icmpx admin-prohibited
      meta l4proto != { tcp, udp, icmp, icmpv6 } reject with icmpx admin-prohibited
      add @connections { ${key} ct count over ${limits.connections} } reject with icmpx admin-prohibited
      update @openings { ${key} limit rate over ${limits.connections}/second burst ${limits.connections} packets } drop
    }`
}

/** A set of nftables with its elements. */
export function set(name: string, type: string, elements: readonly string[]): string {
  return `set ${name} { type ${type};${elements.length > 0 ? ` elements = { ${elements.join(', ')} };` : ''} }`
}
