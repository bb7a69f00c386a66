import { keccak256, size, slice, stringToBytes, toHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { type BallotRow, packRows } from './vote-rows.ts'

const hash = (text: string) => keccak256(stringToBytes(text))
const row = (change: Partial<BallotRow> = {}): BallotRow => ({
  r: hash('r'),
  yParityAndS: hash('s'),
  fromHash: hash('from'),
  timestamp: 0x6500_0001,
  parts: 2,
  isInLastPool: false,
  choice: '0x00000003',
  reasonHash: hash(''),
  appHash: hash(''),
  metadataHash: hash('{}'),
  ...change,
})

describe('rows of votes', () => {
  it('have every field at its place, and no text that is the usual one', () => {
    const words = [hash('r'), hash('s'), hash('from')].map((word) => word.slice(2)).join('')
    // Timestamp, parts, marks, length of the choice, the choice.
    expect(packRows([row()])).toBe(`0x${words}650000010000000200000400000003`)
  })

  it('have a text where it differs from the row before, and say which', () => {
    const reason = { reasonHash: hash('because') }
    const app = { appHash: hash('cloister') }
    const rows = [row(app), row({ ...app, ...reason, isInLastPool: true }), row({ ...app, ...reason }), row()]
    const packed = packRows(rows)
    expect(size(packed)).toBe(4 * 111 + (1 + 1 + 0 + 2) * 32)
    const marks = [104, 104 + 143, 104 + 2 * 143, 104 + 2 * 143 + 111].map((at) => slice(packed, at, at + 1))
    expect(marks).toEqual(['0x02', '0x09', '0x00', '0x03'])
    expect(slice(packed, 111, 143)).toBe(hash('cloister'))
    expect(slice(packed, 143 + 111, 143 + 143)).toBe(hash('because'))
  })

  it('say how long a choice is', () => {
    const choice = toHex('{"1":70,"2":30}')
    const packed = packRows([row({ choice })])
    expect(slice(packed, 105, 107)).toBe('0x000f')
    expect(slice(packed, 107)).toBe(choice)
  })

  it('are nothing where there are none', () => {
    expect(packRows([])).toBe('0x')
  })
})
