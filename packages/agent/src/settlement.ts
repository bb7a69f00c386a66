import { getAccrued, settleLeases, type Wallet } from '@cloister/chain'
import type { Hex } from 'viem'
import type { LeaseSupervisor } from './leases/supervisor.ts'
import type { Sequence } from './sequence.ts'

/** Leases settled in one transaction at most. */
const BATCH = 50
/**
 * Of the interval between two collections: from then on an attestation takes the collection along, which
 * saves a transaction.
 */
const ALONG_AT = 0.5

/** Collects what open leases have earned, every so often and where it costs least. */
export class Settlement {
  private readonly wallet: Wallet
  private readonly supervisor: LeaseSupervisor
  private readonly sequence: Sequence
  private readonly everySeconds: number
  private settledAt = Date.now()
  /** Collections since this worker started, and when the last was: Unix seconds, 0 where there was none. */
  readonly collections = { count: 0, lastAt: 0 }

  constructor(parts: {
    wallet: Wallet
    supervisor: LeaseSupervisor
    sequence: Sequence
    everySeconds: number
  }) {
    this.wallet = parts.wallet
    this.supervisor = parts.supervisor
    this.sequence = parts.sequence
    this.everySeconds = parts.everySeconds
  }

  get isDue(): boolean {
    return this.elapsed >= 1
  }

  /**
   * Leases that an attestation settles along with it: none soon after the last collection, nor more than fit
   * beside it.
   */
  async joinable(): Promise<Hex[]> {
    if (this.elapsed < ALONG_AT) return []
    const ids = await this.earning()
    return ids.length <= BATCH ? ids : []
  }

  /** Notes that an attestation settled all `joinable` leases. */
  markSettled(): void {
    this.settledAt = Date.now()
    this.collected()
  }

  /** Settles all open leases that have earned something, in batches. */
  async settleAll(): Promise<void> {
    this.settledAt = Date.now()
    const ids = await this.earning()
    for (let i = 0; i < ids.length; i += BATCH) {
      await this.sequence.run(() => settleLeases(this.wallet, ids.slice(i, i + BATCH)))
      this.collected()
    }
  }

  private collected(): void {
    this.collections.count++
    this.collections.lastAt = Date.now() / 1000
  }

  private get elapsed(): number {
    return (Date.now() - this.settledAt) / 1000 / this.everySeconds
  }

  private async earning(): Promise<Hex[]> {
    const ids: Hex[] = []
    for (const { id } of this.supervisor.openLeases())
      if ((await getAccrued(this.wallet, id)) > 0n) ids.push(id)
    return ids
  }
}
