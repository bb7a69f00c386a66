import { networkOf } from '@cloister/transport'

/** How many connections are passed on at a time. */
export interface ShareSettings {
  /** To one lease. */
  total: number
  /** An address has at most so many times as many as are free; `Infinity` for any number. */
  share: number
}

const USUAL: ShareSettings = { total: 1024, share: 1 / 8 }

/**
 * Shares out connections to a lease among clients' addresses: each has at most a part of as many as are still
 * free (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6 (2), 1998). One
 * address that takes all it can get has a ninth, a hundred such have 93% together, and whoever comes then
 * finds some free.
 */
export class Shares {
  private readonly settings: ShareSettings
  private readonly leases = new Map<string, { total: number; byNetwork: Map<string, number> }>()

  constructor(settings: Partial<ShareSettings> = {}) {
    this.settings = { ...USUAL, ...settings }
  }

  /** Leases that have connections now. */
  get size(): number {
    return this.leases.size
  }

  /** Takes one; what it returns gives it back. Undefined where the address has its share, or none is free. */
  take(lease: string, address: string | undefined): (() => void) | undefined {
    const taken = this.leases.get(lease) ?? { total: 0, byNetwork: new Map() }
    const network = networkOf(address)
    const own = taken.byNetwork.get(network) ?? 0
    const free = this.settings.total - taken.total
    if (free <= 0 || own >= free * this.settings.share) return undefined
    this.leases.set(lease, taken)
    taken.total++
    taken.byNetwork.set(network, own + 1)
    let isBack = false
    return () => {
      if (isBack) return
      isBack = true
      taken.total--
      const left = (taken.byNetwork.get(network) ?? 1) - 1
      if (left > 0) taken.byNetwork.set(network, left)
      else taken.byNetwork.delete(network)
      if (taken.total === 0) this.leases.delete(lease)
    }
  }
}
