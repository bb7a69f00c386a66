import type { DatabaseSync } from 'node:sqlite'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'

const DAY_MS = 86_400_000
/** Of a lease's gas, the part that strangers can have spent by paying: the rest is for what was earned. */
const STRANGERS_PART = 0.5

/** Gas for workloads' transactions in a day (UTC). */
export interface GasLimits {
  /** Of all leases together. */
  perDay: number
  /** Of one lease. */
  perLease: number
}

/**
 * What a worker spends on transactions of its workloads. Gas is written down before it is spent, so that a
 * worker which is killed and started again spends no more in a day.
 */
export class GasBudget {
  private readonly db: DatabaseSync

  /** `db` has to write through what it commits. */
  constructor(db: DatabaseSync) {
    this.db = db
    db.exec(
      'CREATE TABLE IF NOT EXISTS workload_gas (day INTEGER NOT NULL, lease TEXT NOT NULL, gas INTEGER NOT NULL, PRIMARY KEY (day, lease)) STRICT',
    )
  }

  /**
   * Sets gas aside for a lease. `isOfStrangers`: for what anybody can have sent. Throws `too-many` where its
   * day, or everybody's, has too little left.
   */
  take(lease: Hex, gas: number, limits: GasLimits, { isOfStrangers = false, now = Date.now() } = {}): void {
    const day = Math.floor(now / DAY_MS)
    this.db.prepare('DELETE FROM workload_gas WHERE day < ?').run(day)
    const [sums] = this.db
      .prepare(
        'SELECT coalesce(sum(gas), 0) AS everybody, coalesce(sum(gas) FILTER (WHERE lease IN (?, ?)), 0) AS own, coalesce(sum(gas) FILTER (WHERE lease = ?), 0) AS strangers FROM workload_gas',
      )
      .all(lease, strangersOf(lease), strangersOf(lease))
    const [own, everybody] = [Number(sums?.['own']) + gas, Number(sums?.['everybody']) + gas]
    const strangers = Number(sums?.['strangers']) + gas
    if (isOfStrangers && strangers > limits.perLease * STRANGERS_PART)
      throw new CloisterError('too-many', 'The worker brings in no more payments of this lease’s today.')
    if (own > limits.perLease || everybody > limits.perDay)
      throw new CloisterError(
        'too-many',
        `The worker sends transactions with ${limits.perLease} gas a day for a lease and ${limits.perDay} for all; this one takes ${gas}.`,
      )
    this.db
      .prepare(
        'INSERT INTO workload_gas (day, lease, gas) VALUES (?, ?, ?) ON CONFLICT (day, lease) DO UPDATE SET gas = gas + excluded.gas',
      )
      .run(day, isOfStrangers ? strangersOf(lease) : lease, gas)
  }

  /** Gives back what was set aside and not spent, where the day isn't over. */
  giveBack(lease: Hex, gas: number, { isOfStrangers = false, now = Date.now() } = {}): void {
    this.db
      .prepare('UPDATE workload_gas SET gas = max(0, gas - ?) WHERE day = ? AND lease = ?')
      .run(gas, Math.floor(now / DAY_MS), isOfStrangers ? strangersOf(lease) : lease)
  }
}

/** What a lease's row of strangers' payments is kept under. */
function strangersOf(lease: Hex): string {
  return `${lease} paying`
}
