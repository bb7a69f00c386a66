import { CloisterError } from '@cloister/core'
import { fromBufferToBase58, getSs58AddressInfo, type SS58String } from '@polkadot-api/substrate-bindings'
import { bytesToHex, type Hex, hexToBytes } from 'viem'

/** An account of a Substrate chain: its 32 bytes (AccountId), in lower-case digits. */
export type LegacyAccount = Hex

const HEX = /^0x[0-9a-fA-F]{64}$/
const LONGEST = 64

/**
 * The account of an address, which may be written for any chain (SS58 with any prefix) or be the 32 bytes in
 * hexadecimal digits. Throws `bad-address`; addresses have a checksum.
 */
export function parseAccount(text: string): LegacyAccount {
  const trimmed = text.trim()
  if (HEX.test(trimmed)) return trimmed.toLowerCase() as Hex
  const info = trimmed.length <= LONGEST ? addressInfo(trimmed) : undefined
  if (info?.isValid && info.publicKey.length === 32) return bytesToHex(info.publicKey)
  // Words may be a seed phrase that went to the wrong place: those are not repeated.
  const shown = /\s/.test(trimmed) ? 'That' : JSON.stringify(trimmed.slice(0, LONGEST))
  throw new CloisterError('bad-address', `${shown} is no address of a Substrate chain.`, {
    hint: 'Copy it whole: such an address has 46 to 50 letters and digits, or 0x and 64 digits.',
  })
}

function addressInfo(text: string) {
  try {
    return getSs58AddressInfo(text as SS58String)
  } catch {
    return undefined
  }
}

/** An account as the chain with this prefix writes it (SS58; 30 is Phala's and Khala's). */
export function showAccount(account: LegacyAccount, prefix: number): string {
  return fromBufferToBase58(prefix)(hexToBytes(account))
}
