import { beforeEach, describe, expect, it } from 'vitest'
import { Balance } from './balance.ts'

let now: number
let balance: Balance
const ALL = ['a', 'b', 'c']
const chosen = (times: number, choice = {}) =>
  Array.from({ length: times }, () => balance.choose(ALL, choice))

beforeEach(() => {
  now = 0
  balance = new Balance(() => now)
})
const ready = (...members: string[]) => {
  for (const member of members) balance.reported(member, true)
}

describe('a balance', () => {
  it('takes members in turn while they have as much to do', () => {
    ready(...ALL)
    expect([...chosen(6)].sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
  })

  it('takes the one with the fewest requests under way', () => {
    ready(...ALL)
    balance.begin('a')
    const endOfB = balance.begin('b')
    balance.begin('b')
    expect(chosen(3)).toEqual(['c', 'c', 'c'])
    balance.begin('c')
    endOfB()
    endOfB()
    expect(new Set(chosen(6))).toEqual(new Set(ALL))
  })

  it('counts failed requests as under way, less and less', () => {
    ready(...ALL)
    for (const member of ['a', 'b']) for (let time = 0; time < 3; time++) balance.begin(member)
    for (let time = 0; time < 4; time++) balance.requestFailed('c')
    expect(chosen(6)).not.toContain('c')
    now = 5_000
    expect(chosen(3)).toEqual(['c', 'c', 'c'])
    balance.requestFailed('c')
    expect(chosen(6)).toContain('c')
    balance.requestFailed('c')
    expect(chosen(6)).not.toContain('c')
    now = 60_000
    expect(chosen(3)).toEqual(['c', 'c', 'c'])
    for (let time = 0; time < 9; time++) balance.requestFailed('c')
    expect(chosen(3)).not.toContain('c')
    ready('c')
    expect(chosen(3)).not.toContain('c')
    balance.reported('c', false)
    ready('c')
    expect(chosen(3)).toEqual(['c', 'c', 'c'])
  })

  it('takes all in turn where all fail alike, and puts no more on one than a bound', () => {
    ready(...ALL)
    for (let time = 0; time < 9; time++) balance.requestFailed(balance.choose(ALL) ?? '')
    expect([...chosen(6)].sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
    for (let time = 0; time < 1_000; time++) for (const member of ['a', 'b']) balance.requestFailed(member)
    now = 20
    for (let time = 0; time < 101; time++) balance.begin('c')
    expect(chosen(4)).not.toContain('c')
  })

  it('gives nothing to one whose worker says that it isn’t ready, until it says that it is', () => {
    ready('a', 'b')
    balance.reported('c', false)
    expect(chosen(6)).not.toContain('c')
    ready('c')
    expect(chosen(6)).toContain('c')
  })

  it('gives nothing to one that nobody has heard of, while there are others', () => {
    ready('a')
    expect(new Set(chosen(5))).toEqual(new Set(['a']))
  })

  it('ejects one that can’t be reached, each time for longer, and brings it back', () => {
    ready(...ALL)
    balance.failed('b')
    expect(chosen(6)).not.toContain('b')
    now = 1_000
    expect(chosen(6)).toContain('b')
    balance.failed('b')
    now = 2_999
    expect(chosen(6)).not.toContain('b')
    now = 3_000
    expect(chosen(6)).toContain('b')
    for (let time = 0; time < 40; time++) balance.failed('b')
    now += 30_000
    expect(chosen(6)).toContain('b')
    balance.failed('b')
    ready('b')
    expect(chosen(6)).toContain('b')
  })

  it('leads a client where it went before, as long as that can be used', () => {
    ready(...ALL)
    expect(chosen(4, { preferred: 'b' })).toEqual(['b', 'b', 'b', 'b'])
    balance.failed('b')
    expect(chosen(4, { preferred: 'b' })).not.toContain('b')
    expect(chosen(4, { preferred: 'stranger' })).not.toContain('stranger')
  })

  it('tries none twice for one request, and says when all were tried', () => {
    ready(...ALL)
    expect(balance.choose(ALL, { preferred: 'a', tried: new Set(['a', 'b']) })).toBe('c')
    expect(balance.choose(ALL, { tried: new Set(ALL) })).toBeUndefined()
  })

  it('leads to somebody where none can be used, so that the client hears why', () => {
    for (const member of ALL) balance.reported(member, false)
    balance.failed('a')
    expect(chosen(8)).not.toContain('a')
    for (const member of ALL) balance.failed(member)
    expect(ALL).toContain(balance.choose(ALL))
  })

  it('leads an address to one member, and moves only the clients of one that goes', () => {
    ready(...ALL)
    const addresses = Array.from({ length: 60 }, (_, at) => `192.0.2.${at}`)
    const before = addresses.map((address) => balance.choose(ALL, { address }))
    expect(addresses.map((address) => balance.choose(ALL, { address }))).toEqual(before)
    expect(new Set(before)).toEqual(new Set(ALL))
    balance.failed('b')
    const after = addresses.map((address) => balance.choose(ALL, { address }))
    expect(after).not.toContain('b')
    for (const [at, member] of before.entries()) if (member !== 'b') expect(after[at]).toBe(member)
  })
})
