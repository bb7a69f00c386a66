import { CloisterError } from '@cloister/core'
import { Blake2256, u8, u16, u32 } from '@polkadot-api/substrate-bindings'
import { bytesToHex, concat, hexToBytes, stringToBytes } from 'viem'
import { type LegacyAccount, parseAccount } from '../account.ts'

/** How a pure proxy came to be, as the event `Proxy.PureCreated` and its place on the chain tell. */
interface Preimage {
  who: LegacyAccount
  /** Number of the block. */
  height: number
  /** Which of the block's extrinsics, from 0. */
  extrinsic: number
  /** Number of the `ProxyType`. */
  type: number
  /** What its maker told it from others made by the same extrinsic. */
  index: number
}

const PREFIX = stringToBytes('modlpy/proxy____')
const COLUMNS = ['who', 'height', 'extrinsic', 'type', 'index']
const MAX_LINES = 1_000_000

/** The account of a pure proxy (pallet-proxy, `pure_account`). */
function pureProxyOf({ who, height, extrinsic, type, index }: Preimage): LegacyAccount {
  const made = [PREFIX, hexToBytes(who), u32.enc(height), u32.enc(extrinsic), u8.enc(type), u16.enc(index)]
  return bytesToHex(Blake2256(concat(made)))
}

/**
 * Accounts that are pure proxies, out of a table of how each came to be: CSV with the columns who, height,
 * extrinsic, type and index. Which account a line stands for is reckoned from it, so that no line can make
 * one of an account that has a key. Throws `bad-file`.
 */
export function parsePureProxies(csv: string): Set<LegacyAccount> {
  const [head, ...lines] = csv.split(/\r?\n/).filter((line) => line !== '')
  if (head !== COLUMNS.join(','))
    throw new CloisterError('bad-file', `A table of pure proxies begins with the line ${COLUMNS.join(',')}.`)
  if (lines.length > MAX_LINES)
    throw new CloisterError('bad-file', `A table of pure proxies has ${MAX_LINES} lines at most.`)
  return new Set(lines.map((line, number) => pureProxyOf(preimageOf(line, number + 2))))
}

function preimageOf(line: string, number: number): Preimage {
  const [who = '', ...fields] = line.split(',')
  const [height = NaN, extrinsic = NaN, type = NaN, index = NaN, ...more] = fields.map(digits)
  const fits = [
    [height, 2 ** 32],
    [extrinsic, 2 ** 32],
    [type, 2 ** 8],
    [index, 2 ** 16],
  ].every(([value = NaN, end = 0]) => value < end)
  if (!fits || more.length > 0)
    throw new CloisterError(
      'bad-file',
      `Line ${number} of the table of pure proxies has to be ${COLUMNS.join(',')}.`,
    )
  return { who: parseAccount(who), height, extrinsic, type, index }
}

function digits(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : NaN
}
