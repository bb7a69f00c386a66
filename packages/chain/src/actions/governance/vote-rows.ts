import { concatHex, type Hex, keccak256, numberToHex, size, stringToBytes } from 'viem'

/** A vote as it is posted, with the texts by their keccak256. */
export interface BallotRow {
  /** The signature as EIP-2098 has it. */
  r: Hex
  yParityAndS: Hex
  fromHash: Hex
  /** Unix seconds. */
  timestamp: number
  /** What of the voter's power to count: bit 0 liquid CLOI, bit 1 + i the voter's `i`th pool. */
  parts: number
  /** Whether its stake is in the pool that a row before was about last; cheaper, and checked on chain. */
  isInLastPool: boolean
  /** Four bytes for each number, or the text of a weighted vote. */
  choice: Hex
  reasonHash: Hex
  appHash: Hex
  metadataHash: Hex
}

const IN_LAST_POOL = 8
const UINT32 = { size: 4 }

/** Rows as `IBallots.post` takes them, one behind the other; a text that the row before has is left out. */
export function packRows(rows: readonly BallotRow[]): Hex {
  let before: readonly Hex[] = ['', '', '{}'].map((text) => keccak256(stringToBytes(text)))
  return concatHex(
    rows.map((row) => {
      const texts = [row.reasonHash, row.appHash, row.metadataHash]
      const isNew = texts.map((text, at) => text !== before[at])
      before = texts
      const marks = isNew.reduce(
        (bits, is, at) => bits | (is ? 1 << at : 0),
        row.isInLastPool ? IN_LAST_POOL : 0,
      )
      return concatHex([
        row.r,
        row.yParityAndS,
        row.fromHash,
        numberToHex(row.timestamp, UINT32),
        numberToHex(row.parts, UINT32),
        numberToHex(marks, { size: 1 }),
        numberToHex(size(row.choice), { size: 2 }),
        row.choice,
        ...texts.filter((_, at) => isNew[at]),
      ])
    }),
  )
}
