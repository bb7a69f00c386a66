import type { ChargeJson } from '@cloister/core'
import type { Hex } from 'viem'
import type { Question } from './question.ts'
import type { Usage } from './usage.ts'

/** Whoever looks after money: says who pays for a request, and what it costs. */
export interface Cashier {
  /**
   * Holds what an answer may cost at most. Throws `unauthorized` for a token or key that is none, and money's
   * errors (402) where nobody pays.
   */
  admit(question: Question, most: { input: number; output: number }): Promise<Hold>
}

/** One request's claim on its payer, until it is released. */
export interface Hold {
  /** Who pays, as far as the same request may be asked again: an address, or nothing. */
  payer: string
  /** 32 zero bytes where nothing is billed. */
  offer: Hex
  channel: Hex
  /** What the usage costs, at most what is held. */
  price(usage: Usage): bigint
  /** Headers for the answer once it was charged. */
  headers(charge: ChargeJson): Record<string, string>
  /** The answer is accounted for, or there is none: nothing is held any more. */
  release(): void
}
