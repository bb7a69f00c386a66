import { CloisterError } from '@cloister/core'
import { Blake2256, compact } from '@polkadot-api/substrate-bindings'
import { bytesToHex, concat, type Hex, hexToBytes } from 'viem'
import { isHexBytes } from '../hex.ts'

/** A block's header, as nodes give it (`chain_getHeader`). */
export interface Header {
  parentHash: Hex
  /** Hexadecimal digits. */
  number: Hex
  stateRoot: Hex
  extrinsicsRoot: Hex
  digest: { logs: Hex[] }
}

const NUMBER = /^0x[0-9a-f]{1,8}$/
const MAX_LOGS = 64
const MOST_LOG_BYTES = 65_536

/** A header out of what a node answered. Throws `bad-answer`. */
export function parseHeader(answer: unknown): Header {
  const { parentHash, number, stateRoot, extrinsicsRoot, digest } = Object(answer)
  const logs = Object(digest).logs
  const isHeader =
    [parentHash, stateRoot, extrinsicsRoot].every((hash) => isHexBytes(hash, 32) && hash.length === 66) &&
    typeof number === 'string' &&
    NUMBER.test(number) &&
    Array.isArray(logs) &&
    logs.length <= MAX_LOGS &&
    logs.every((log) => isHexBytes(log, MOST_LOG_BYTES))
  if (!isHeader)
    throw new CloisterError('bad-answer', 'The node gave something that is no header of a block.')
  return { parentHash, number: number as Hex, stateRoot, extrinsicsRoot, digest: { logs } }
}

/** A block's hash: BLAKE2b-256 of its header in SCALE (sp-runtime, generic::Header). */
export function hashHeader({ parentHash, number, stateRoot, extrinsicsRoot, digest }: Header): Hex {
  const { logs } = digest
  const roots = [hexToBytes(stateRoot), hexToBytes(extrinsicsRoot)]
  return bytesToHex(
    Blake2256(
      concat([
        hexToBytes(parentHash),
        compact.enc(Number(number)),
        ...roots,
        compact.enc(logs.length),
        ...logs.map((log) => hexToBytes(log)),
      ]),
    ),
  )
}
