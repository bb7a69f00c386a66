import type { LegacyAccount } from '../account.ts'

/** What an account can own on the old chain. */
export const KINDS = ['free', 'reserved', 'wrapped', 'staked', 'queued', 'commission', 'owed'] as const
export type Kind = (typeof KINDS)[number]

/** By kind, in the old chain's units. */
export type Holding = Record<Kind, bigint>

/** Money that is no account's to claim, and why. In the old chain's units. */
export interface LeftOut {
  account: LegacyAccount
  amount: bigint
  reason: string
}

/** Who owns how much of what. */
export class Holdings {
  readonly of = new Map<LegacyAccount, Holding>()

  add(account: LegacyAccount, kind: Kind, amount: bigint): void {
    if (amount === 0n) return
    const holding = this.of.get(account) ?? nothing()
    holding[kind] += amount
    this.of.set(account, holding)
  }

  /** Takes everything of an account out. */
  take(account: LegacyAccount): Holding {
    const holding = this.of.get(account) ?? nothing()
    this.of.delete(account)
    return holding
  }

  /** Takes what an account owns of one kind out. */
  takeKind(account: LegacyAccount, kind: Kind): bigint {
    const holding = this.of.get(account)
    const amount = holding?.[kind] ?? 0n
    if (holding) holding[kind] = 0n
    return amount
  }
}

export function nothing(): Holding {
  return Object.fromEntries(KINDS.map((kind) => [kind, 0n])) as Holding
}

export function sumOf(holding: Holding): bigint {
  return KINDS.reduce((sum, kind) => sum + holding[kind], 0n)
}
