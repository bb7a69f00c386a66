import { CloisterError } from '@cloister/core'
import { cryptoWaitReady } from '@polkadot/util-crypto'
import { bytesToHex, type Hex } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import * as items from '../pallets/items.ts'
import { placeOf } from '../state/items.ts'
import { MemoryState } from '../state/memory-state.ts'
import { ChainMaker } from '../testing/chain-maker.ts'
import { type LegacyChainMade, makeLegacyChain, PHA } from '../testing/legacy-chain.ts'
import { DEVELOPMENT_CHAIN } from './chains.ts'
import { Leaves, leavesOfSnapshot, parseLeaves, writeLeaves } from './leaves-file.ts'
import { type AccountFacts, derivativeOf, findOwners } from './owners.ts'
import { parsePureProxies } from './pure-proxies.ts'
import { reportOf, writeAccounts, writeLeftOut, writeReport } from './report.ts'
import { type Snapshot, takeSnapshot } from './snapshot.ts'

let chain: LegacyChainMade
let snapshot: Snapshot

beforeAll(async () => {
  await cryptoWaitReady()
  chain = makeLegacyChain()
  snapshot = takeSnapshot(chain.state)
})

describe('a snapshot', () => {
  it('gives everybody what they are owed, and nobody else anything', () => {
    const counted = new Map(snapshot.accounts.map(({ account, amount }) => [account, amount]))
    expect(counted).toEqual(new Map([...chain.owed].sort(([one], [other]) => (one < other ? -1 : 1))))
  })

  it('adds up to the issuance to the unit, with what was left out and why', () => {
    const left = snapshot.leftOut.reduce((sum, { amount }) => sum + amount, 0n)
    const counted = snapshot.accounts.reduce((sum, { amount }) => sum + amount, 0n)
    expect(counted + left).toBe(snapshot.issuance)
    const reasons = Object.fromEntries(snapshot.leftOut.map(({ reason, amount }) => [reason, amount]))
    expect(reasons).toMatchObject({
      'the old chain’s treasury': 1_000n * PHA,
      'the account of another chain (parachain 2000)': 1_000n * PHA,
      'burnt: nobody can have its key': 1_000n * PHA,
      'the subsidy for computing that was not paid out': 483n * PHA,
      'issued, and in no account': 5n * PHA,
      'a pure proxy that nobody has all rights over': 5n * PHA,
    })
    expect(Object.keys(reasons).filter((reason) => reason.includes('stake pool 0'))).toEqual([
      expect.stringContaining('a share of stake pool 0 that is nobody’s'),
      'what stake pool 0 holds beyond its shares’ value',
    ])
  })

  it('says what is whose by kind', () => {
    const byKind = reportOf(snapshot, { blockHash: undefined, stateRoot: '0x', isVerified: false }).byKind
    expect(byKind).toMatchObject({ queued: String(30n * PHA), owed: String(17n * PHA) })
    expect(byKind['commission']).toBe(String(31n * PHA))
  })

  it('leaves of who has vesting tokens a part that vests until the old end', () => {
    const { person, locked, until } = chain.vesting
    const leaves = snapshot.leaves.filter(({ account }) => account === person.account)
    const all = chain.owed.get(person.account) ?? 0n
    expect(leaves).toEqual([
      { account: person.account, amount: (all - locked) * 1_000_000n, vestsFrom: 0, vestsUntil: 0 },
      { account: person.account, amount: locked * 1_000_000n, vestsFrom: snapshot.time, vestsUntil: until },
    ])
  })

  it('is the same whoever makes it, and its files say so', () => {
    const again = takeSnapshot(new MemoryState(chain.pairs.toReversed()))
    expect(again.root).toBe(snapshot.root)
    const leaves = leavesOfSnapshot(snapshot)
    expect(leaves.members.get(chain.shared.account)).toEqual(
      chain.shared.members.map(({ account }) => account),
    )
    const text = writeLeaves(leaves)
    const read = parseLeaves(text)
    expect(writeLeaves(read)).toBe(text)
    expect(read.tree.root).toBe(snapshot.root)
    expect(() => parseLeaves(text.replace(/"1\d{20}"/, '"100000000000000000001"'))).toThrow('another root')
    expect(() => parseLeaves('{}')).toThrow('format')
    const made = new Leaves(DEVELOPMENT_CHAIN, 1, snapshot.leaves, new Map())
    expect(parseLeaves(writeLeaves(made)).chain).toEqual(DEVELOPMENT_CHAIN)
    // What the root says nothing of.
    const { account, members } = chain.shared
    const [first, second] = members.map((member) => member.account)
    const lies: [string, string][] = [
      [`"${second}"\n`, `"${second}",\n      "0x${'ff'.repeat(32)}"\n`],
      [`"${account}": [`, `"${snapshot.leaves[0]?.account}": [`],
      [`"${first}",\n`, ''],
      ['"decimals": 12', '"decimals": 6'],
      ['"symbol": "PHA"', '"symbol": "CLOI"'],
      ['"prefix": 30', '"prefix": 42'],
      ['"name": "phala"', '"name": "__proto__"'],
      [`"total": "${leaves.total}"`, '"total": "5"'],
    ]
    for (const [truth, lie] of lies) {
      expect(text).toContain(truth)
      expect(() => parseLeaves(text.replace(truth, lie)), lie).toThrow('can not be used')
    }
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    expect(() => parseLeaves(text.replace('"leaves": [', `"leaves": [["0x", ${deep}],`))).toThrow('at 0')
  })

  it('is told in files for people', () => {
    const report = reportOf(snapshot, { blockHash: chain.blockHash, stateRoot: '0x12', isVerified: true })
    expect(report.difference).toBe('0')
    const text = writeReport(report)
    expect(text).toContain('| difference | 0 units |')
    expect(text).toContain('1 CLOI for 1 PHA')
    expect(writeAccounts(snapshot).split('\n')).toHaveLength(snapshot.accounts.length + 2)
    expect(writeAccounts(snapshot)).toContain('pure proxy 0xc1c1')
    expect(writeLeftOut(snapshot)).toContain('treasury')
  })
})

describe('whoever paid accounts on the old chain', () => {
  const DELEGATE = `0x${'d1'.repeat(32)}` as const

  it('with names of their choice stops nobody from counting', () => {
    const maker = new ChainMaker()
    const named = (text: string) => `0x${Buffer.from(text).toString('hex').padEnd(64, '0')}` as const
    maker.pay(DELEGATE, { free: 5n })
    for (const name of ['modltoString', 'modl|=1+\x1b`,"', 'modl__proto_'])
      maker.pay(named(name), { free: 7n })
    const taken = takeSnapshot(maker.make().state)
    expect(taken.leftOut.map(({ reason }) => reason)).toEqual([
      'a pallet (1)',
      'a pallet (__proto_)',
      'a pallet (toString)',
    ])
    expect(writeLeftOut(taken)).not.toMatch(/[|=`]|\p{Cc}(?<!\n)/u)
    const other = new ChainMaker({ name: 'constructor' })
    expect(() => takeSnapshot(other.make().state)).toThrow('no rules')
  })

  it('has pure proxies stand for each other, and is counted all the same', () => {
    const layers = Array.from({ length: 12 }, (_, layer) =>
      Array.from({ length: 16 }, (_, at) => derivativeOf(DELEGATE, 1_000 + layer * 16 + at)),
    )
    const facts = new Map<Hex, AccountFacts>()
    for (const [depth, layer] of layers.entries())
      for (const account of layer) {
        const above = [...(layers[depth + 1] ?? [DELEGATE]), account]
        const delegates = above.map((delegate) => ({ delegate, type: 0, delay: 0 }))
        facts.set(account, { nonce: 0, reserved: 0n, proxies: { delegates, deposit: 1n } })
      }
    const { resolved, unresolved } = findOwners(facts)
    expect(unresolved).toEqual([])
    expect(resolved).toHaveLength(12 * 16)
    expect(new Set(resolved.map(({ to }) => to))).toEqual(new Set([DELEGATE]))
  })

  it('sees which accounts may be pure proxies that nobody could claim', () => {
    const maker = new ChainMaker()
    const [multisig, alone] = [`0x${'d3'.repeat(32)}`, `0x${'d4'.repeat(32)}`] as const
    // The one reserved more than its proxies' deposit; the other signed for its proxies itself.
    maker.pay(multisig, { free: 6n, reserved: 5n })
    maker.pay(alone, { free: 6n, reserved: 5n, nonce: 1 })
    for (const account of [multisig, alone])
      maker.entry(items.PROXIES, [account], [[{ delegate: DELEGATE, type: 0, delay: 0 }], 4n])
    const taken = takeSnapshot(maker.make().state)
    expect(taken.accounts.filter(({ isUnclear }) => isUnclear).map(({ account }) => account)).toEqual([
      multisig,
    ])
    const report = reportOf(taken, { blockHash: undefined, stateRoot: '0x', isVerified: false })
    expect(writeReport(report)).toContain('Unclear: 1 accounts')
    expect(writeAccounts(taken)).toContain('a multisig account or a pure proxy')
  })

  it('knows pure proxies that reserved something by how they came to be', () => {
    const maker = new ChainMaker()
    const table = `who,height,extrinsic,type,index\n${DELEGATE},7,2,0,3\n${DELEGATE},7,2,0,4\n`
    const [known = '0x', other = '0x'] = parsePureProxies(table)
    maker.pay(known, { free: 6n, reserved: 5n })
    maker.entry(items.PROXIES, [known], [[{ delegate: DELEGATE, type: 0, delay: 0 }], 4n])
    // Nobody may act for it any more.
    maker.pay(other, { free: 2n })
    const { state } = maker.make()
    expect(takeSnapshot(state).accounts.map(({ account }) => account)).toEqual([known, other].sort())
    const taken = takeSnapshot(state, new Set([known, other]))
    expect(taken.accounts).toMatchObject([{ account: DELEGATE, amount: 11n, isUnclear: false }])
    expect(taken.leftOut).toMatchObject([
      { account: other, amount: 2n, reason: 'a pure proxy that nobody has all rights over' },
    ])
    const wrong = ['', 'who', table.replace('7,2', '7'), table.replace('0,3', '256,3'), `${table}x,1,1,1,1\n`]
    for (const csv of wrong) expect(() => parsePureProxies(csv), csv).toThrow(CloisterError)
  })

  it('owns what derivatives have that no record of a balance is of', () => {
    const maker = new ChainMaker()
    const derivative = derivativeOf(DELEGATE, 2)
    maker.wrap(derivative, 9n)
    // The parent has nothing: somebody's proxy is all that names it.
    maker.pay(`0x${'d2'.repeat(32)}`, { reserved: 1n, nonce: 1 })
    const proxies = [{ delegate: DELEGATE, type: 1, delay: 0 }]
    maker.entry(items.PROXIES, [`0x${'d2'.repeat(32)}`], [proxies, 1n])
    const { resolved, accounts } = takeSnapshot(maker.make().state)
    expect(resolved).toEqual([{ account: derivative, how: 'derivative', to: DELEGATE }])
    expect(accounts.find(({ account }) => account === DELEGATE)?.amount).toBe(9n)
  })
})

describe('a state that can’t be counted', () => {
  it('is one of an unknown chain, or with something missing', () => {
    expect(() => takeSnapshot(new ChainMaker({ name: 'polkadot' }).make().state)).toThrow('no rules')
    expect(() => takeSnapshot(new MemoryState([]))).toThrow('not whole')
  })

  it('has values of another shape', () => {
    const pairs = chain.pairs.map(([key, value]) => [key, value] as const)
    const place = bytesToHex(placeOf(items.ACCOUNT))
    const at = pairs.findIndex(([key]) => bytesToHex(key).startsWith(place))
    const [key, value] = pairs[at] ?? []
    if (!key || !value) throw new Error('there is no account')
    for (const wrong of [value.subarray(1), new Uint8Array([...value, 0]), new Uint8Array()])
      expect(() => takeSnapshot(new MemoryState(pairs.with(at, [key, wrong])))).toThrow('another shape')
    const moved = Uint8Array.from(key)
    moved[40] = (moved[40] ?? 0) ^ 1
    expect(() => takeSnapshot(new MemoryState([...pairs, [moved, value]]))).toThrow('no key of that map')
  })

  it('has more in its accounts, or wrapped, than there is', () => {
    const more = new ChainMaker()
    more.pay(`0x${'d1'.repeat(32)}`, { free: 5n })
    expect(() => takeSnapshot(more.make(-1n).state)).toThrow('only 4 were issued')
    const unbacked = new ChainMaker()
    unbacked.wrap(`0x${'d1'.repeat(32)}`, 5n)
    unbacked.pay(items.WRAPPING_ACCOUNT, { free: -2n })
    expect(() => takeSnapshot(unbacked.make().state)).toThrow('2 units less behind W-PHA')
  })
})
