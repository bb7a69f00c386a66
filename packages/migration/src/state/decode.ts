import { CloisterError } from '@cloister/core'
import { Bytes, type Codec, enhanceCodec } from '@polkadot-api/substrate-bindings'
import { bytesToHex, type Hex, hexToBytes } from 'viem'
import { compareKeys } from './chain-state.ts'

/**
 * 32 bytes as hexadecimal digits: an account (AccountId), a hash. Unlike the library's own codec it takes no
 * fewer bytes at the end of a value.
 */
export const bytes32: Codec<Hex> = enhanceCodec(
  Bytes(32),
  (hex: Hex) => hexToBytes(hex, { size: 32 }),
  (bytes) => {
    if (bytes.length !== 32) throw new RangeError('It ends before its 32 bytes do.')
    return bytesToHex(bytes)
  },
)

/**
 * What bytes in SCALE stand for. They have to be exactly what the value encodes to, so that a value of
 * another shape isn't read as one of this. Throws `unsupported`, naming `what`.
 */
export function decodeWhole<T>(codec: Codec<T>, bytes: Uint8Array, what: string): T {
  try {
    const value = codec.dec(bytes)
    if (compareKeys(codec.enc(value), bytes) === 0) return value
  } catch (cause) {
    throw shapeError(what, cause)
  }
  throw shapeError(what)
}

function shapeError(what: string, cause?: unknown): CloisterError {
  return new CloisterError('unsupported', `${what} has another shape than in the runtimes that are known.`, {
    hint: 'The chain’s runtime is another one; its storage has to be described first.',
    cause,
  })
}
