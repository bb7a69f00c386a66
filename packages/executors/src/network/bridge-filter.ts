import { createHash } from 'node:crypto'
import type { WayOutLimits } from './limits.ts'
import { applyRules, outwardRules, set } from './nftables.ts'
import { hostResolvers } from './resolvers.ts'

/** What names of bridges begin with. */
const BRIDGE = 'clo'

/**
 * Keeps the containers of an engine with bridges (Docker, Podman) from this machine, from the networks it is
 * in and from one another, by rules of nftables in a table of its own. They stay when the worker ends, as
 * the containers do, and go with the last lease.
 */
export class BridgeFilter {
  private readonly table: string
  private readonly scope: string
  /** Whether each bridge has a way out. */
  private readonly bridges: Map<string, boolean>
  private readonly limits: WayOutLimits | undefined
  private applied: Promise<void> = Promise.resolve()
  /** The table is there. */
  private standing = true

  private constructor(scope: string, bridges: Map<string, boolean>, limits: WayOutLimits | undefined) {
    this.scope = scope
    this.table = `cloister_${scope}`
    this.bridges = bridges
    this.limits = limits
  }

  /**
   * Sets the rules for the leases there are; `limits` is undefined where no lease gets a way out. Throws
   * where the kernel, or a missing program or right, doesn't let it.
   */
  static async open(
    scope: string,
    limits: WayOutLimits | undefined,
    leases: ReadonlyMap<string, boolean>,
  ): Promise<BridgeFilter> {
    const filter = new BridgeFilter(scope, new Map(), limits)
    for (const [lease, internet] of leases) filter.bridges.set(filter.bridgeOf(lease), internet)
    await applyRules(filter.rules())
    if (filter.bridges.size === 0) await filter.update()
    return filter
  }

  /** The bridge of a lease's network: at most 15 characters, as the kernel wants it. */
  bridgeOf(lease: string): string {
    const hash = (text: string) => createHash('sha256').update(text).digest('hex')
    return `${BRIDGE}${hash(this.scope).slice(0, 4)}${hash(lease).slice(0, 8)}`
  }

  /**
   * Lets a lease's containers reach each other, and the internet or not. To be called before the first one
   * starts.
   */
  async admit(lease: string, internet: boolean): Promise<void> {
    if (this.bridges.get(this.bridgeOf(lease)) === internet) return
    this.bridges.set(this.bridgeOf(lease), internet)
    await this.update()
  }

  async forget(lease: string): Promise<void> {
    if (this.bridges.delete(this.bridgeOf(lease))) await this.update()
  }

  private update(): Promise<void> {
    // One after the other, and each with what is so when its turn comes.
    this.applied = this.applied.catch(() => {}).then(() => this.change())
    return this.applied
  }

  /** Sets leave the counts of the others' connections as they are, which a new table would begin anew. */
  private async change(): Promise<void> {
    const needed = this.bridges.size > 0
    if (needed) await applyRules(this.standing ? this.elements() : this.rules())
    else if (this.standing) await applyRules(`delete table inet ${this.table}\n`)
    this.standing = needed
  }

  private elements(): string {
    const fill = (name: string, elements: string[]) =>
      [
        `flush set inet ${this.table} ${name}`,
        ...(elements.length > 0 ? [`add element inet ${this.table} ${name} { ${elements.join(', ')} }`] : []),
      ].join('\n')
    const open = [...this.bridges].filter(([, internet]) => internet).map(([bridge]) => `"${bridge}"`)
    const own = [...this.bridges.keys()].map((bridge) => `"${bridge}" . "${bridge}"`)
    return `${fill('own', own)}\n${fill('open', open)}\n`
  }

  private rules(): string {
    const { limits } = this
    const any = `"${this.bridgeOf('').slice(0, BRIDGE.length + 4)}*"`
    const resolvers = hostResolvers()
    const resolversOf = (family: 4 | 6) =>
      resolvers.filter((address) => address.includes(':') === (family === 6))
    const dns = 'meta l4proto { tcp, udp } th dport 53'
    return `
table inet ${this.table}
delete table inet ${this.table}
table inet ${this.table} {
    ${set('own', 'ifname . ifname', [])}
    ${set('open', 'ifname', [])}
    ${set('resolvers4', 'ipv4_addr', resolversOf(4))}
    ${set('resolvers6', 'ipv6_addr', resolversOf(6))}
    ${outwardRules('iifname', limits ?? { mibPerSecond: 1, connections: 1 }, [])}
    chain input {
      type filter hook input priority filter - 10; policy accept;
      iifname ${any} jump to_host
    }
    chain forward {
      type filter hook forward priority filter - 10; policy accept;
      iifname . oifname @own accept
      iifname ${any} jump from_lease
      oifname ${any} jump to_lease
    }
    chain to_host {
      ct state established,related accept
      icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
      # Podman's own name server listens on each bridge.
      fib daddr . iif type local ${dns} goto questions
      reject with icmpx admin-prohibited
    }
    chain from_lease {
      iifname != @open reject with icmpx admin-prohibited
      ip daddr @resolvers4 ${dns} goto questions
      ip6 daddr @resolvers6 ${dns} goto questions
      ${limits ? 'jump outward' : 'reject with icmpx admin-prohibited'}
    }
    chain to_lease {
      update @incoming { oifname limit rate over ${limits?.mibPerSecond ?? 1} mbytes/second burst ${2 * (limits?.mibPerSecond ?? 1)} mbytes } drop
      ct state established,related accept
      drop
    }
}
${this.elements()}`
  }
}
