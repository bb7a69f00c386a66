import { address, bytes32, CloisterError } from '@cloister/core'
import type { Address, Hex } from 'viem'
import * as z from 'zod'

/** Most that a signed transaction of ours has, in hexadecimal digits: a proof is a few kilobytes. */
const LONGEST_RAW = 400_000
const amount = z
  .string()
  .regex(/^[1-9]\d{0,77}$/)
  .transform(BigInt)
const raw = z.custom<Hex>(
  (text) => typeof text === 'string' && text.length <= LONGEST_RAW && /^0x([0-9a-f]{2})+$/.test(text),
  'not a signed transaction',
)
/** `raw` is absent where it was found on the chain. */
const Sent = z.strictObject({ hash: bytes32, raw: raw.optional() })

/** What is brought over: ether where `token` is absent. */
const Asset = z.strictObject({
  symbol: z.string().regex(/^[\x21-\x7e]{1,32}$/),
  decimals: z.int().min(0).max(255),
  token: z.strictObject({ layer1: address, layer2: address }).optional(),
})

/** One amount on its way to the other chain, and what was signed for it, each before it was sent. */
export const Transfer = z.strictObject({
  kind: z.enum(['deposit', 'withdrawal']),
  /** Chain id of layer 2. */
  chainId: z.int().positive(),
  account: address,
  to: address,
  asset: Asset,
  /** Base units, in decimal digits where it is written down. */
  amount,
  /** Begins it, on the chain that it comes from. Its hash is the transfer's name. */
  start: Sent,
  prove: Sent.optional(),
  finalize: Sent.optional(),
})
export type Transfer = z.infer<typeof Transfer>
export type Asset = z.infer<typeof Asset>

/** A transaction as it was signed. */
export type Signed = z.infer<typeof Sent>

/** Keeps transfers, each under the hash of the transaction that began it. */
export interface TransferJournal {
  list(): Transfer[]
  /** Returns once it is on disk. */
  write(transfer: Transfer): void
  remove(start: Hex): void
}

/** What is to be brought over. */
export interface Wanted {
  asset: Asset
  amount: bigint
  to: Address
}

/** As it is written down. */
export function writeTransfer(transfer: Transfer): string {
  return `${JSON.stringify({ ...transfer, amount: transfer.amount.toString() }, null, 2)}\n`
}

/** Throws `bad-state`. */
export function parseTransfer(text: string, source: string): Transfer {
  try {
    return Transfer.parse(JSON.parse(text))
  } catch (cause) {
    throw new CloisterError('bad-state', `${source} isn’t a transfer that was written down here.`, {
      hint: 'Move it away. What was sent is found again by its hash: `cloister bridge status TRANSACTION`.',
      cause,
    })
  }
}
