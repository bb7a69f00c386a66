import { CloisterError } from '@cloister/core'
import { Blake2256 } from '@polkadot-api/substrate-bindings'
import { bytesToHex, concat, type Hex, stringToBytes } from 'viem'
import type { LegacyAccount } from '../account.ts'
import * as items from '../pallets/items.ts'
import { ownAccount } from '../pallets/own-accounts.ts'
import { readPools } from '../pallets/pools.ts'
import type { ChainState } from '../state/chain-state.ts'
import { placeOf, readMap, readValue } from '../state/items.ts'
import { CHAINS, type LegacyChain } from './chains.ts'
import { type Holding, Holdings, KINDS, type LeftOut, sumOf } from './holdings.ts'
import { type Leaf, LeafTree, toNewUnits } from './leaves.ts'
import { type AccountFacts, findOwners, type Resolved } from './owners.ts'
import { accountsOfPools, countPools } from './pools.ts'
import { type VestingPart, vestingParts } from './vesting.ts'

/** What an account owned, with what was resolved to it. Amounts in the old chain's units. */
export interface CountedAccount {
  account: LegacyAccount
  holding: Holding
  amount: bigint
  /** Those of its tokens that aren't its own yet. */
  vesting: VestingPart[]
  /** It has proxies and never signed: a multisig account, or a pure proxy, which nobody could claim. */
  isUnclear: boolean
}

/** What everybody owned on a chain after one block, and the tree of it. Amounts in the old chain's units. */
export interface Snapshot {
  chain: LegacyChain
  block: number
  /** Unix seconds. */
  time: number
  issuance: bigint
  /** In the order of their 32 bytes. */
  accounts: CountedAccount[]
  resolved: Resolved[]
  leftOut: LeftOut[]
  leaves: Leaf[]
  root: Hex
}

/**
 * Counts a state. The same state gives the same leaves and the same root, whoever counts. What is counted and
 * what is left out add up to the total issuance, to the unit. Throws `unsupported` for a chain it doesn't
 * know, and for a state that has something else than its runtime says.
 *
 * @param pure Accounts that are known to be pure proxies (`parsePureProxies`): the state alone doesn't tell
 * those that reserved something from multisig accounts.
 */
export function takeSnapshot(state: ChainState, pure: ReadonlySet<LegacyAccount> = new Set()): Snapshot {
  const chain = chainOf(state)
  const block = needed(readValue(state, items.BLOCK_NUMBER), 'number of its block')
  const time = Number(needed(readValue(state, items.NOW), 'time of its block') / 1000n)
  const issuance = needed(readValue(state, items.TOTAL_ISSUANCE), 'total issuance')
  const holdings = new Holdings()
  const leftOut: LeftOut[] = []
  const facts = countBalances(state, holdings)
  leftOut.push(...countIssuance(holdings, issuance))
  countWrapped(state, holdings)
  const pools = readPools(state)
  leftOut.push(...countPools(pools, holdings))
  countOwed(state, holdings)
  const vesting = countVesting(state, holdings, { block, time, secondsPerBlock: chain.secondsPerBlock })
  // Shares of pools are had by accounts that have no balance, and so no record.
  for (const account of holdings.of.keys())
    if (!facts.has(account)) facts.set(account, { nonce: 0, reserved: 0n })
  const { resolved, unresolved, unclear } = findOwners(facts, pure)
  const moved = resolved.filter(({ account }) => holdings.of.has(account) && !ownAccount(account))
  for (const { account, to } of moved) move(account, to, holdings, vesting)
  for (const { account, reason } of unresolved) {
    const amount = sumOf(holdings.take(account))
    vesting.delete(account)
    leftOut.push({ account, amount, reason })
  }
  leftOut.push(...takeOwnAccounts(state, holdings, accountsOfPools(pools)))
  const accounts = [...holdings.of]
    .map(([account, holding]) => ({
      account,
      holding,
      amount: sumOf(holding),
      vesting: vesting.get(account) ?? [],
      isUnclear: unclear.has(account),
    }))
    .filter(({ amount }) => amount > 0n)
    .sort((one, other) => (one.account < other.account ? -1 : 1))
  const leaves = accounts.flatMap((counted) => leavesOf(counted, chain.decimals))
  const left = leftOut
    .filter(({ amount }) => amount > 0n)
    .sort((one, other) => compare(one.reason, other.reason) || compare(one.account, other.account))
  checkSum(issuance, accounts, left, leaves, chain.decimals)
  const root = new LeafTree(leaves).root
  return { chain, block, time, issuance, accounts, resolved: moved, leftOut: left, leaves, root }
}

function chainOf(state: ChainState): LegacyChain {
  const { specName, specVersion } = needed(readValue(state, items.LAST_RUNTIME_UPGRADE), 'runtime')
  const known = CHAINS.get(specName)
  if (known) return { name: specName, specVersion, ...known }
  throw new CloisterError(
    'unsupported',
    `There are no rules for counting the state of a chain of ${specName.slice(0, 32)}.`,
    {
      hint: `Chains that can be counted: ${[...CHAINS.keys()].join(', ')}.`,
    },
  )
}

function needed<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value
  throw new CloisterError('unsupported', `The state says nothing of the ${what}: it is none, or not whole.`)
}

function countBalances(state: ChainState, holdings: Holdings): Map<LegacyAccount, AccountFacts> {
  const facts = new Map<LegacyAccount, AccountFacts>()
  for (const [[account], { nonce, free, reserved }] of readMap(state, items.ACCOUNT)) {
    holdings.add(account, 'free', free)
    holdings.add(account, 'reserved', reserved)
    facts.set(account, { nonce, reserved })
  }
  for (const [[account], [delegates, deposit]] of readMap(state, items.PROXIES)) {
    // An account that has nothing and never had has no record: it signed nothing either.
    const found = facts.get(account) ?? { nonce: 0, reserved: 0n }
    facts.set(account, { ...found, proxies: { delegates, deposit } })
  }
  return facts
}

/** What was issued and no account has, such as what was sent to other chains. */
function countIssuance(holdings: Holdings, issuance: bigint): LeftOut[] {
  const owned = [...holdings.of.values()].reduce((sum, holding) => sum + sumOf(holding), 0n)
  if (owned > issuance)
    throw new CloisterError(
      'unsupported',
      `Accounts own ${owned} units, and only ${issuance} were issued: the state is not one of a chain.`,
    )
  return [{ account: `0x${'00'.repeat(32)}`, amount: issuance - owned, reason: 'issued, and in no account' }]
}

/** W-PHA is PHA of whoever holds it; the account behind it keeps what is beyond. */
function countWrapped(state: ChainState, holdings: Holdings): void {
  let behind = holdings.takeKind(items.WRAPPING_ACCOUNT, 'free')
  for (const [[asset, account], { balance }] of readMap(state, items.ASSET_ACCOUNT)) {
    if (asset !== items.WRAPPED_ASSET) continue
    behind -= balance
    holdings.add(account, 'wrapped', balance)
  }
  if (behind < 0n)
    throw new CloisterError('unsupported', `There are ${-behind} units less behind W-PHA than are wrapped.`)
  holdings.add(items.WRAPPING_ACCOUNT, 'free', behind)
}

/** What the computing pallet owes, out of its account; each the same part where that has less. */
function countOwed(state: ChainState, holdings: Holdings): void {
  const debts = [items.LEGACY_REWARDS, items.REIMBURSEMENTS].flatMap((map) => [...readMap(state, map)])
  const sum = debts.reduce((total, [, amount]) => total + amount, 0n)
  const has = holdings.takeKind(items.COMPUTING_ACCOUNT, 'free')
  let left = has
  for (const [[[account]], amount] of debts) {
    const paid = sum > has ? (amount * has) / sum : amount
    left -= paid
    holdings.add(account, 'owed', paid)
  }
  holdings.add(items.COMPUTING_ACCOUNT, 'free', left)
}

/** Takes out what the chain's own accounts have. */
function takeOwnAccounts(
  state: ChainState,
  holdings: Holdings,
  ofPools: ReadonlyMap<LegacyAccount, string>,
): LeftOut[] {
  const others = new Map(ofPools)
  for (const [[account]] of readMap(state, items.SUB_ACCOUNTS))
    others.set(account, 'a worker of a stake pool')
  for (const account of clusterAccounts(state))
    others.set(account, 'behind balances in a cluster of Phat contracts')
  return [...holdings.of.keys()].flatMap((account) => {
    const reason = ownAccount(account) ?? others.get(account)
    return reason === undefined ? [] : [{ account, amount: sumOf(holdings.take(account)), reason }]
  })
}

/** Accounts of clusters (phat.rs, `cluster_account`), whose ids are the keys of a map (Twox64Concat). */
function* clusterAccounts(state: ChainState): Generator<LegacyAccount> {
  const place = placeOf({ pallet: 'PhalaPhatContracts', item: 'Clusters' })
  for (const [key] of state.entries(place))
    yield bytesToHex(Blake2256(concat([stringToBytes('cluster:'), key.subarray(place.length + 8)])))
}

function countVesting(
  state: ChainState,
  holdings: Holdings,
  now: Parameters<typeof vestingParts>[1],
): Map<LegacyAccount, VestingPart[]> {
  const vesting = new Map<LegacyAccount, VestingPart[]>()
  for (const [[account], schedules] of readMap(state, items.VESTING)) {
    const parts = vestingParts(schedules, now, holdings.of.get(account)?.free ?? 0n)
    if (parts.length > 0) vesting.set(account, parts)
  }
  return vesting
}

function move(
  account: LegacyAccount,
  to: LegacyAccount,
  holdings: Holdings,
  vesting: Map<LegacyAccount, VestingPart[]>,
): void {
  const holding = holdings.take(account)
  for (const kind of KINDS) holdings.add(to, kind, holding[kind])
  const parts = vesting.get(account)
  vesting.delete(account)
  if (!parts) return
  const all = [...(vesting.get(to) ?? []), ...parts]
  vesting.set(
    to,
    all.sort((one, other) => one.from - other.from || one.until - other.until),
  )
}

/** A leaf for what is an account's own, and one for each part that vests. */
function leavesOf({ account, amount, vesting }: CountedAccount, decimals: number): Leaf[] {
  const own = vesting.reduce((rest, part) => rest - part.amount, amount)
  const parts = [{ amount: own, from: 0, until: 0 }, ...vesting]
  return parts
    .filter((part) => part.amount > 0n)
    .map((part) => ({
      account,
      amount: toNewUnits(part.amount, decimals),
      vestsFrom: part.from,
      vestsUntil: part.until,
    }))
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** The books: all that was issued is counted once. Anything else is a fault of ours. */
function checkSum(
  issuance: bigint,
  accounts: readonly CountedAccount[],
  leftOut: readonly LeftOut[],
  leaves: readonly Leaf[],
  decimals: number,
): void {
  const counted = accounts.reduce((sum, { amount }) => sum + amount, 0n)
  const left = leftOut.reduce((sum, { amount }) => sum + amount, 0n)
  const inLeaves = leaves.reduce((sum, { amount }) => sum + amount, 0n)
  if (counted + left === issuance && inLeaves === toNewUnits(counted, decimals)) return
  throw new CloisterError(
    'internal',
    `Of ${issuance} units ${counted} were counted and ${left} left out, which is not all of them.`,
  )
}
