import { GAS } from '../generated/gas.ts'
import type { Transaction } from './cost.ts'

const TRANSACTION_GAS = 21_000n
/** What a permit adds to a transaction that pays with one. */
const PERMIT_GAS = GAS.openWithPermit - GAS.open
/**
 * Bytes that FastLZ makes of another opening in the same transaction: manifest's hash, order, salt and
 * signature are random.
 */
const OPENING_LENGTH = 230

/**
 * Transactions that people and daemons send, with what their fees depend on: gas as the contracts' tests
 * measure it, and the FastLZ length of the signed transaction. What is random in them (hashes, signatures,
 * quotes) is always as long, so that lengths differ by some bytes from one to the next. Quotes and
 * certificates are as long as Intel's.
 */
export const TRANSACTIONS = {
  /** A worker is registered for its provider. */
  register: { gas: GAS.register, fastLzLength: 312 },
  registerPlatform: { gas: GAS.registerPlatform, fastLzLength: 1_297 },
  /** A worker's coverage is renewed by a TDX quote. */
  attest: { gas: GAS.attest, fastLzLength: 1_027 },
  /** Two verifiers' word on the GPUs of a worker. */
  confirmGpus: { gas: GAS.confirmGpus, fastLzLength: 662 },
  syncCollateral: { gas: GAS.syncCollateral, fastLzLength: 145 },
  /** A signed bid is taken, paid by permit. */
  open: { gas: GAS.openWithPermit, fastLzLength: 529 },
  topUp: { gas: GAS.topUp + PERMIT_GAS, fastLzLength: 246 },
  settle: { gas: GAS.settle, fastLzLength: 165 },
  settleMany50: { gas: GAS.settleMany50, fastLzLength: 1_850 },
  close: { gas: GAS.close, fastLzLength: 179 },
  /** CLOI go into a pool, by permit. */
  delegate: { gas: GAS.delegate + PERMIT_GAS, fastLzLength: 241 },
  requestExit: { gas: GAS.requestExit, fastLzLength: 165 },
  /** A day's rewards of one pool. */
  claimReward: { gas: GAS.claimReward24, fastLzLength: 191 },
  withdrawExit: { gas: GAS.withdrawExit, fastLzLength: 145 },
} as const satisfies Record<string, Transaction>

/** Taking so many bids with one transaction. */
export function openManyOf(count: number): Transaction {
  const { gas, fastLzLength } = TRANSACTIONS.open
  const others = Math.max(0, count - 1)
  return {
    gas: gas + BigInt(others) * (GAS.open - TRANSACTION_GAS),
    fastLzLength: fastLzLength + others * OPENING_LENGTH,
  }
}

/** Of a claim, by its key's kind (see IClaims.Scheme), without a proof. */
const CLAIMS = {
  1: { gas: 443_000n, fastLzLength: 318 },
  2: { gas: 308_500n, fastLzLength: 318 },
  3: { gas: 91_700n, fastLzLength: 362 },
} as const satisfies Record<number, Transaction>
/** A hash of a proof is random; the few hundred units of gas that it takes are in the claim's. */
const HASH_LENGTH = 33

/**
 * Claiming what an account of the old chain owned: `scheme` is its key's (1: sr25519, 2: Ed25519, 3: ECDSA),
 * `proofLength` the hashes beside its way to the root.
 */
export function claimOf(scheme: keyof typeof CLAIMS, proofLength: number): Transaction {
  const { gas, fastLzLength } = CLAIMS[scheme]
  return { gas, fastLzLength: fastLzLength + proofLength * HASH_LENGTH }
}
