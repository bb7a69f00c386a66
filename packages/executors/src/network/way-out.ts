import { spawn } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { WayOutLimits } from './limits.ts'
import { applyRules, outwardRules, PRIVATE_DEVICE } from './nftables.ts'

const PROGRAM = fileURLToPath(new URL('way-out.pl', import.meta.url))
const PATH = `${process.env['PATH']}:/usr/local/sbin:/usr/sbin:/sbin`
const DEVICE = 'tap0'
const TABLE = 'cloister'
/** How long a way out may take to open, on the busiest machine. */
const OPEN_MS = 60_000

/** Name servers as slirp4netns offers them in its network, which ask the machine's own (slirp4netns(1)). */
const RESOLVER = { ipv4: '10.0.2.3', ipv6: 'fd00::3' }

/** The resolver's configuration (resolv.conf(5)) for containers with a way out. */
export const WAY_OUT_RESOLV_CONF = `nameserver ${RESOLVER.ipv4}\noptions timeout:3 attempts:2\n`

/** A network that a lease's containers share. */
export interface LeaseNetwork {
  /** The process that holds it; the way out ends with it. */
  holder: number
  /** It belongs to a user namespace of the holder's, which must be entered first: not root's way. */
  enterUser: boolean
  /** `command` so that it runs within the lease's own limits. */
  charged(command: string[]): string[]
}

/**
 * Gives a network a way out to the internet, through slirp4netns, which makes connections as an ordinary
 * program of this machine does. Before it is there, a filter is set inside the network that containers have
 * no capability to touch: it goes by the address a packet has, so what a name answers makes no difference.
 * Gives the process to kill for its end; rejects where the kernel or a program won't.
 */
export async function openWayOut(network: LeaseNetwork, limits: WayOutLimits): Promise<number> {
  await applyRules(filterRules(limits, hostAddresses()), entering(network))
  const pid = String(network.holder)
  // As root it must not have our mounts: its sandbox makes the topmost one private, and takes all of them
  // down, which would take those below shared ones from the whole machine (nearly all where systemd runs,
  // Podman's networks everywhere).
  const apart = network.enterUser ? [] : ['unshare', '--mount', '--propagation', 'private', '--']
  const command = [
    ...apart,
    'slirp4netns',
    '--configure',
    '--mtu=65520',
    '--disable-host-loopback',
    '--enable-sandbox',
    '--enable-seccomp',
    '--netns-type=path',
  ]
  if (hasIPv6()) command.push('--enable-ipv6')
  if (network.enterUser) command.push(`--userns-path=/proc/${pid}/ns/user`)
  const [program = '', ...rest] = network.charged([
    'perl',
    PROGRAM,
    pid,
    ...command,
    `/proc/${pid}/ns/net`,
    DEVICE,
  ])
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { PATH } })
  let said = ''
  child.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-400)))
  const late = setTimeout(() => child.kill('SIGKILL'), OPEN_MS)
  await new Promise<void>((resolve, reject) => {
    child
      .once('error', reject)
      .once('exit', () =>
        reject(new Error(`slirp4netns: ${said.trim().split('\n').at(-1) || 'it does not start'}`)),
      )
    child.stdout.once('data', () => resolve())
  }).finally(() => clearTimeout(late))
  child.stdout.destroy()
  child.stderr.destroy()
  child.unref()
  return child.pid ?? 0
}

/** Tells a network's filter the addresses `all` that this machine has now. */
export async function refreshHosts(network: LeaseNetwork, all = hostAddresses()): Promise<void> {
  const fill = (name: string, addresses: string[]) =>
    `flush set inet ${TABLE} ${name}\n${addresses.length > 0 ? `add element inet ${TABLE} ${name} { ${addresses.join(', ')} }\n` : ''}`
  const v6 = all.filter((address) => address.includes(':'))
  await applyRules(
    `${fill(
      'hosts4',
      all.filter((address) => !v6.includes(address)),
    )}${fill('hosts6', v6)}`,
    entering(network),
  )
}

/** Addresses of this machine, which a lease must not reach even where they are public. */
export function hostAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return [
    ...new Set(all.filter(({ internal }) => !internal).map(({ address }) => address.replace(/%.*/, ''))),
  ].sort()
}

function hasIPv6(): boolean {
  return hostAddresses().some((address) => /^[23]/.test(address) && address.includes(':'))
}

function entering({ holder, enterUser }: LeaseNetwork): string[] {
  return [
    'nsenter',
    `--target=${holder}`,
    '--net',
    ...(enterUser ? ['--user', '--preserve-credentials'] : []),
    '--',
  ]
}

function filterRules(limits: WayOutLimits, hosts: readonly string[]): string {
  const dns = 'meta l4proto { tcp, udp } th dport 53 goto questions'
  const neighbours =
    'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept'
  return `
table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
    ${outwardRules('oifname', limits, hosts)}
    # What services of a lease say to each other goes by no table of connections, which nobody would be
    # charged for.
    chain untracked_out {
      type filter hook output priority raw; policy accept;
      oifname "lo" notrack
    }
    chain untracked_in {
      type filter hook prerouting priority raw; policy accept;
      iifname "lo" notrack
    }
    chain output {
      type filter hook output priority filter; policy drop;
      oifname "lo" accept
      # What goes there is encrypted for leases of the same tenant, and counted by rules of its own.
      oifname "${PRIVATE_DEVICE}" accept
      ${neighbours}
      ip daddr ${RESOLVER.ipv4} ${dns}
      ip6 daddr ${RESOLVER.ipv6} ${dns}
      jump outward
      accept
    }
    chain input {
      type filter hook input priority filter; policy drop;
      iifname "lo" accept
      iifname "${PRIVATE_DEVICE}" accept
      ${neighbours}
      update @incoming { iifname limit rate over ${limits.mibPerSecond} mbytes/second burst ${2 * limits.mibPerSecond} mbytes } drop
      ct state established,related accept
    }
}`
}
