import { Blake2256, getMultisigAccountId, u16 } from '@polkadot-api/substrate-bindings'
import { bytesToHex, concat, hexToBytes, stringToBytes } from 'viem'
import type { LegacyAccount } from '../account.ts'

/** What the chain has of an account, as far as it tells whether the account has a key. */
export interface AccountFacts {
  nonce: number
  reserved: bigint
  /** Who may act for it; undefined where nobody may. */
  proxies?: { delegates: { delegate: LegacyAccount; type: number; delay: number }[]; deposit: bigint }
}

/** An account without a key, and where what it owns goes. */
export interface Resolved {
  account: LegacyAccount
  how: 'pure proxy' | 'derivative'
  to: LegacyAccount
  /** Where each of several controls it alone: `to` is their multisig account, of threshold 1. */
  members?: LegacyAccount[]
}

/** An account without a key that nobody can be found for. */
export interface Unresolved {
  account: LegacyAccount
  reason: string
}

/** Rights to everything (ProxyType::Any). */
const ANY = 0
/** Derivatives are looked for with so many numbers behind each account. */
const DERIVATIVES = 16
const DERIVING = stringToBytes('modlpy/utilisuba')

/** Account `index` that `parent` derives for itself (pallet-utility, `derivative_account_id`). */
export function derivativeOf(parent: LegacyAccount, index: number): LegacyAccount {
  return bytesToHex(Blake2256(concat([DERIVING, hexToBytes(parent), u16.enc(index)])))
}

/** The account that several make, of whom `threshold` have to sign (pallet-multisig, `multi_account_id`). */
export function multisigOf(members: readonly LegacyAccount[], threshold: number): LegacyAccount {
  return bytesToHex(
    getMultisigAccountId({ threshold, signatories: members.map((member) => hexToBytes(member)) }),
  )
}

/**
 * Whether an account shows to be a pure proxy. It never signed, and the deposit for its first proxy isn't its
 * own: who made it paid that. Every other account that has proxies reserved the deposit itself.
 */
function looksPure({ nonce, reserved, proxies }: AccountFacts): boolean {
  return nonce === 0 && proxies !== undefined && reserved < proxies.deposit
}

/**
 * Who controls the accounts without a key, as far as the state tells. Pure proxies are found by their
 * deposits, or known by how they came to be (`pure`), and go to who has all rights over them; derivatives are
 * found by deriving from every account. Multisig accounts stay as they are: their members claim.
 */
export function findOwners(
  facts: ReadonlyMap<LegacyAccount, AccountFacts>,
  pure: ReadonlySet<LegacyAccount> = new Set(),
): {
  resolved: Resolved[]
  unresolved: Unresolved[]
  /** Multisig accounts with proxies, or pure proxies that reserved something: the state doesn't say which. */
  unclear: Set<LegacyAccount>
} {
  const isPure = (account: LegacyAccount, found: AccountFacts) => pure.has(account) || looksPure(found)
  const accounts: Accounts = { facts, isPure, parents: findDerivatives(facts) }
  const resolved: Resolved[] = []
  const unresolved: Unresolved[] = []
  const unclear = new Set<LegacyAccount>()
  for (const [account, found] of [...facts].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const how = howOf(account, found, accounts)
    if (!how && found.nonce === 0 && found.proxies) unclear.add(account)
    if (!how) continue
    const members = controllersOf(account, accounts).sort()
    const [only] = members
    if (!only) unresolved.push({ account, reason: `a ${how} that nobody has all rights over` })
    else if (members.length === 1) resolved.push({ account, how, to: only })
    else resolved.push({ account, how, to: multisigOf(members, 1), members })
  }
  return { resolved, unresolved, unclear }
}

/** All accounts, and what is known of those without a key. */
interface Accounts {
  facts: ReadonlyMap<LegacyAccount, AccountFacts>
  isPure(account: LegacyAccount, found: AccountFacts): boolean
  /** Of derivatives, who derived them. */
  parents: ReadonlyMap<LegacyAccount, LegacyAccount>
}

function howOf(
  account: LegacyAccount,
  found: AccountFacts,
  { isPure, parents }: Accounts,
): Resolved['how'] | undefined {
  if (isPure(account, found)) return 'pure proxy'
  return parents.has(account) ? 'derivative' : undefined
}

function findDerivatives(facts: ReadonlyMap<LegacyAccount, AccountFacts>): Map<LegacyAccount, LegacyAccount> {
  const parents = new Map<LegacyAccount, LegacyAccount>()
  const delegates = [...facts.values()].flatMap(({ proxies }) => proxies?.delegates ?? [])
  // What a derivative derives is found as well: a derivative is an account like others. Who acts for others
  // may have nothing of its own.
  for (const parent of new Set([...facts.keys(), ...delegates.map(({ delegate }) => delegate)]))
    for (let index = 0; index < DERIVATIVES; index++) {
      const derivative = derivativeOf(parent, index)
      if (facts.get(derivative)?.nonce === 0) parents.set(derivative, parent)
    }
  return parents
}

/**
 * The accounts with a key, or of several, at the end of all ways. Each account on them is looked at once:
 * there are more ways than anybody could walk where pure proxies stand for each other.
 */
function controllersOf(account: LegacyAccount, accounts: Accounts): LegacyAccount[] {
  const ends: LegacyAccount[] = []
  // Grows while it is walked through.
  const seen = new Set([account])
  for (const one of seen) {
    const above = aboveOf(one, accounts)
    if (!above) ends.push(one)
    for (const further of above ?? []) seen.add(further)
  }
  return ends
}

/** Who acts for an account without a key; undefined for one that acts for itself. */
function aboveOf(account: LegacyAccount, { facts, isPure, parents }: Accounts): LegacyAccount[] | undefined {
  const found = facts.get(account)
  if (found && isPure(account, found)) {
    const all = (found.proxies?.delegates ?? []).filter(({ type }) => type === ANY)
    const atOnce = all.filter(({ delay }) => delay === 0)
    return (atOnce.length > 0 ? atOnce : all).map(({ delegate }) => delegate)
  }
  const parent = parents.get(account)
  return parent && [parent]
}
