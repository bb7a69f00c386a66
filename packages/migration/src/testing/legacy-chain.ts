import type { Hex } from 'viem'
import { derivativeOf, multisigOf } from '../count/owners.ts'
import * as items from '../pallets/items.ts'
import { ChainMaker, type MadeChain } from './chain-maker.ts'
import { type Person, personOf, SCHEMES } from './people.ts'

/** One PHA. */
export const PHA = 10n ** 12n

/** A made-up chain with accounts of every kind, and what each of them is owed. */
export interface LegacyChainMade extends MadeChain {
  people: Person[]
  /** By account, in units of 12 decimals; nobody else is owed anything. */
  owed: Map<Hex, bigint>
  /** A multisig account, 2 of 3. */
  multisig: { account: Hex; members: Person[] }
  /** An account that two control, each alone. */
  shared: { account: Hex; members: Person[] }
  /** Somebody with tokens that vest, until when. */
  vesting: { person: Person; locked: bigint; until: number }
}

const TREASURY: Hex = `0x${'6d6f646c70792f7472737279'.padEnd(64, '0')}`
const SIBLING: Hex = `0x${'7369626cd0070000'.padEnd(64, '0')}`
const ZERO: Hex = `0x${'00'.repeat(32)}`
const DAY_BLOCKS = 7_200

/**
 * The same chain each time, for a number of people and the time of its block (Unix seconds). Call
 * `cryptoWaitReady` before.
 */
export function makeLegacyChain(count = 60, when: { time?: number } = {}): LegacyChainMade {
  const maker = new ChainMaker(when)
  const owed = new Map<Hex, bigint>()
  const owe = (account: Hex, amount: bigint) => void owed.set(account, (owed.get(account) ?? 0n) + amount)
  const people = Array.from({ length: count }, (_, index) => personOf(SCHEMES[index % 3] ?? 'sr25519', index))
  const person = (index: number) => people[index] as Person
  for (const [index, { account }] of people.entries()) {
    // No two amounts are alike, and some aren't whole.
    const free = 100n * PHA + BigInt(index) * 1_000_000_007n
    const reserved = index % 4 === 1 ? 3n * PHA : 0n
    maker.pay(account, { free, reserved, nonce: index + 1 })
    owe(account, free + reserved)
    if (index % 5 === 2) {
      maker.wrap(account, 7n * PHA + 1n)
      owe(account, 7n * PHA + 1n)
    }
  }
  addPools(maker, people, owe)
  addDebts(maker, person(7), owe)
  // A chain's own accounts, and burnt tokens.
  for (const account of [TREASURY, SIBLING, ZERO]) maker.pay(account, { free: 1_000n * PHA })
  const multisig = addMultisig(maker, [person(0), person(1), person(2)], owe)
  const shared = addKeyless(maker, people, owe)
  const vesting = addVesting(maker, person(8))
  return { ...maker.make(5n * PHA), people, owed, multisig, shared, vesting }
}

type Owe = (account: Hex, amount: bigint) => void

function accountNamed(byte: string): Hex {
  return `0x${byte.repeat(32)}`
}

/** A stake pool whose shares are worth 1.5 each, and a vault that has some of them. */
function addPools(maker: ChainMaker, people: readonly Person[], owe: Owe): void {
  const [pool, lock, reward, vault] = ['a1', 'a2', 'a3', 'a4'].map(accountNamed) as [Hex, Hex, Hex, Hex]
  const stakers = people.filter((_, index) => index % 6 === 3)
  const shares = stakers.map((_, index) => 10n * PHA + 2n * BigInt(index))
  for (const [index, { account }] of stakers.entries()) {
    maker.share(1, account, shares[index] ?? 0n)
    owe(account, ((shares[index] ?? 0n) * 3n) / 2n)
  }
  const leaver = people[4] as Person
  const queued = maker.share(1, items.POOLS_ACCOUNT, 20n * PHA)
  owe(leaver.account, 30n * PHA)
  const ofVault = 40n * PHA
  maker.share(1, vault, ofVault)
  // Nobody asked for this one back, and the pallet has it: it is nobody's.
  maker.share(1, items.POOLS_ACCOUNT, 2n * PHA)
  const all = shares.reduce((sum, one) => sum + one, 62n * PHA)
  const value = (all * 3n) / 2n
  maker.wrap(pool, value / 4n + PHA)
  maker.wrap(lock, value - value / 4n)
  const owner = people[5] as Person
  maker.wrap(reward, 11n * PHA)
  owe(owner.account, 11n * PHA)
  const base = { owner: owner.account, valueSubscribers: [1n] }
  maker.entry(items.POOLS, [0n], {
    type: 'StakePool',
    value: {
      base: {
        ...base,
        pid: 0n,
        totalShares: all,
        totalValue: value,
        withdrawQueue: [{ user: leaver.account, startTime: 1_700_000_000n, nft: queued }],
        collection: 1,
        account: pool,
      },
      payoutCommission: 100_000,
      cap: undefined,
      workers: [accountNamed('b1')],
      computingWorkers: [],
      lockAccount: lock,
      ownerRewardAccount: reward,
    },
  })
  // The vault: 60 of the stake pool, 20 in W-PHA, and 30 + 10 shares of its own.
  maker.wrap(vault, 20n * PHA)
  const depositor = people[6] as Person
  maker.share(2, depositor.account, 30n * PHA)
  owe(depositor.account, 60n * PHA)
  owe(owner.account, 20n * PHA)
  maker.entry(items.POOLS, [1n], {
    type: 'Vault',
    value: {
      base: {
        ...base,
        pid: 1n,
        totalShares: 40n * PHA,
        totalValue: 80n * PHA,
        withdrawQueue: [],
        valueSubscribers: [],
        collection: 2,
        account: vault,
      },
      lastSharePrice: PHA,
      commission: 50_000,
      ownerShares: 10n * PHA,
      investPools: [0n],
    },
  })
}

function addDebts(maker: ChainMaker, { account }: Person, owe: Owe): void {
  maker.pay(items.COMPUTING_ACCOUNT, { free: 500n * PHA })
  maker.entry(items.LEGACY_REWARDS, [[account, 0n]], 13n * PHA)
  maker.entry(items.REIMBURSEMENTS, [[account, 1n]], 4n * PHA)
  owe(account, 17n * PHA)
}

function addMultisig(maker: ChainMaker, people: Person[], owe: Owe): LegacyChainMade['multisig'] {
  const members = people.toSorted((one, other) => (one.account < other.account ? -1 : 1))
  const account = multisigOf(
    members.map((member) => member.account),
    2,
  )
  maker.pay(account, { free: 444n * PHA })
  owe(account, 444n * PHA)
  return { account, members }
}

/** Pure proxies of one and of two, one behind another, derivatives, and one that nobody controls. */
function addKeyless(maker: ChainMaker, people: readonly Person[], owe: Owe): LegacyChainMade['shared'] {
  const [of, ofTwo, behind, lost] = ['c1', 'c2', 'c3', 'c4'].map(accountNamed) as [Hex, Hex, Hex, Hex]
  const [one, first, second, parent] = people.slice(9, 13) as [Person, Person, Person, Person]
  const any = (delegate: Hex, delay = 0) => ({ delegate, type: 0, delay })
  const pure = (account: Hex, free: bigint, delegates: ReturnType<typeof any>[]) => {
    maker.pay(account, { free })
    maker.entry(items.PROXIES, [account], [delegates, 20n * PHA])
  }
  pure(of, 50n * PHA, [any(one.account)])
  pure(behind, 51n * PHA, [any(of), { delegate: second.account, type: 1, delay: 0 }])
  owe(one.account, 101n * PHA)
  pure(ofTwo, 60n * PHA, [any(first.account), any(second.account)])
  const members = [first, second].toSorted((a, b) => (a.account < b.account ? -1 : 1))
  const account = multisigOf(
    members.map((member) => member.account),
    1,
  )
  owe(account, 60n * PHA)
  pure(lost, 5n * PHA, [{ delegate: one.account, type: 2, delay: 0 }])
  const derivative = derivativeOf(parent.account, 3)
  maker.pay(derivative, { free: 70n * PHA })
  const further = derivativeOf(derivative, 0)
  maker.pay(further, { free: 71n * PHA })
  owe(parent.account, 141n * PHA)
  // An account with a key that has a proxy: it paid the deposit itself.
  maker.pay(first.account, { reserved: 20n * PHA })
  owe(first.account, 20n * PHA)
  maker.entry(items.PROXIES, [first.account], [[any(second.account)], 20n * PHA])
  return { account, members }
}

/** Half of what a schedule locked is open by now; another one is over. */
function addVesting(maker: ChainMaker, person: Person): LegacyChainMade['vesting'] {
  const { block, time } = maker
  const days = 100
  maker.entry(
    items.VESTING,
    [person.account],
    [
      {
        locked: 80n * PHA,
        perBlock: (80n * PHA) / BigInt(2 * days * DAY_BLOCKS),
        startingBlock: block - days * DAY_BLOCKS,
      },
      { locked: 9n * PHA, perBlock: PHA, startingBlock: 5 },
    ],
  )
  const perBlock = (80n * PHA) / BigInt(2 * days * DAY_BLOCKS)
  const locked = 80n * PHA - perBlock * BigInt(days * DAY_BLOCKS)
  const blocks = Number((80n * PHA + perBlock - 1n) / perBlock) - days * DAY_BLOCKS
  return { person, locked, until: time + blocks * 12 }
}
