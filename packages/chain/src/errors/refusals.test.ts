import type { Abi } from 'viem'
import { describe, expect, it } from 'vitest'
import * as abis from '../generated/abis.ts'
import { REFUSALS, refusalOf } from './refusals.ts'

/** The names of the arguments of every error that a contract can revert with, by the error's name. */
const inputsOf = new Map<string, string[]>()
for (const abi of Object.values(abis) as Abi[])
  for (const item of abi)
    if (item.type === 'error')
      inputsOf.set(
        item.name,
        item.inputs.map(({ name = '' }) => name),
      )

describe('the sentences for what contracts refuse', () => {
  it('are there for every error of every contract, and for no other', () => {
    expect(inputsOf.size).toBeGreaterThan(100)
    expect(Object.keys(REFUSALS).sort()).toEqual([...inputsOf.keys()].sort())
  })

  it('begin with a capital or an argument, end with a stop, and name arguments that the error has', () => {
    for (const [name, sentence] of Object.entries(REFUSALS)) {
      expect(sentence, name).toMatch(/^[A-Z{].*\.$/)
      const named = [...sentence.matchAll(/\{(\w+)\}/g)].map(([, argument]) => argument)
      expect(inputsOf.get(name), name).toEqual(expect.arrayContaining(named))
    }
  })

  it('have the arguments in their places', () => {
    expect(refusalOf('OutOfBounds', { value: 2_001n, min: 0n, max: 2_000n })).toBe(
      '2001 is out of bounds: it has to be from 0 to 2000.',
    )
    expect(refusalOf('NoSuchError', {})).toBeUndefined()
  })
})
