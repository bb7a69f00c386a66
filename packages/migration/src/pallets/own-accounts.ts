import { hexToBytes } from 'viem'
import type { LegacyAccount } from '../account.ts'
import { POOLS_ACCOUNT, WRAPPING_ACCOUNT } from './items.ts'

/** Accounts of the chain's own pallets, and what their money is. Others of pallets are told by their name. */
const PALLETS = new Map([
  ['py/trsry', 'the old chain’s treasury'],
  ['py/lotto', 'the pot of the lottery'],
  ['PotStake', 'the pot of collators'],
  ['phala/pp', 'the subsidy for computing that was not paid out'],
  ['phala/bg', 'behind tokens on other chains (ChainBridge)'],
  ['sygma/01', 'behind tokens on other chains (Sygma)'],
  ['checking', 'behind tokens on other chains (XCM)'],
  ['index/ac', 'the pallet of inDEX'],
  ['phat/tok', 'the pallet of Phat contracts’ stakes'],
])

/**
 * The encodings of points of small order. What signatures by them are worth everybody can make; Claims takes
 * none, so what they own is burnt.
 */
const KEYLESS = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
])

/**
 * What an account is that nobody has a key of, by its 32 bytes alone: a pallet's, another chain's, or burnt.
 * Undefined for all others.
 */
export function ownAccount(account: LegacyAccount): string | undefined {
  if (KEYLESS.has(account.slice(2))) return 'burnt: nobody can have its key'
  if (account === WRAPPING_ACCOUNT) return 'behind W-PHA, beyond what is wrapped'
  if (account === POOLS_ACCOUNT) return 'the pallet of pools'
  // Names are followed by zeros; a key that looks like one by chance would take 2^64 tries and more.
  if (!account.endsWith('00000000')) return undefined
  const bytes = hexToBytes(account)
  const text = String.fromCharCode(...bytes.subarray(0, 12))
  if (text.startsWith('modl')) return PALLETS.get(text.slice(4)) ?? `a pallet (${printable(text.slice(4))})`
  const isChain = (text.startsWith('para') || text.startsWith('sibl')) && account.endsWith('0'.repeat(48))
  if (!isChain) return undefined
  const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
  return `the account of another chain (parachain ${id})`
}

/** Anybody could pay an account of any name: letters alone get into files for people. */
function printable(text: string): string {
  return text.replace(/[^\w/ -]/g, '')
}
