import {
  bytes32,
  ChargeJson,
  CloisterError,
  canonicalHash,
  chargeContent,
  chargeFromJson,
  DIGEST_PATTERN,
  decimal,
  isReceiptSigned,
  priceOf,
  receiptFromJson,
  receiptTypedData,
  SignedReceiptJson,
  type TokenPrices,
  utf8,
} from '@cloister/core'
import { type Address, concat, domainSeparator, type Hex, keccak256, numberToHex, pad } from 'viem'
import * as z from 'zod'
import { NONE } from './constants.ts'
import { ModelName } from './options.ts'
import { isIncluded } from './receipt-tree.ts'

const time = z.int().min(0)
const uint64 = decimal.refine((text) => BigInt(text) < 1n << 64n, 'more than 64 bits')

/** A receipt's id: the first 4 bytes of the lease, and 12 of the door's choice. */
export const RECEIPT_ID = /^rcpt_[0-9a-f]{32}$/

/** What was asked and answered, by hashes: SHA-256 of the bytes exactly as they were sent. */
export const ReceiptDetails = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(RECEIPT_ID),
  lease: bytes32,
  manifestHash: bytes32,
  model: ModelName,
  /** Digest of the weights as the manifest names it; null where it names none. */
  weights: z.string().regex(DIGEST_PATTERN).nullable(),
  /** The path that was asked. */
  endpoint: z.string().regex(/^\/v1\/[a-z/_]{1,64}$/),
  /** Of the request's body, opened. */
  request: bytes32,
  /** Of the sealed request; null where it came in the open. */
  requestSealed: bytes32.nullable(),
  /** Of the answer's body before it was sealed; of a stream, with its framing. */
  response: bytes32,
  responseSealed: bytes32.nullable(),
  /** HTTP status of the answer. */
  status: z.int().min(200).max(599),
  /** `cancelled`: whoever asked left. `failed`: the engine broke off, or an answer took too long. */
  outcome: z.enum(['complete', 'cancelled', 'failed']),
  /** `evidenceDigest` of the worker's evidence that the door served then: `GET /v1/evidence/{digest}`. */
  evidence: bytes32,
  /** Unix milliseconds, by the worker's clock. */
  receivedAt: time,
  firstByteAt: time,
  endedAt: time,
})
export type ReceiptDetails = z.infer<typeof ReceiptDetails>

/** That a receipt is one of those whose Merkle root is on chain (`Receipts.rootOf`). */
export const ReceiptProof = z.strictObject({
  era: uint64,
  index: z.int().min(0),
  count: z.int().min(1),
  root: bytes32,
  path: z.array(bytes32).max(64),
})
export type ReceiptProof = z.infer<typeof ReceiptProof>

/** A receipt as it is kept and handed on: what was done, what it cost, and the worker's word on both. */
export const InferenceReceipt = z.strictObject({
  details: ReceiptDetails,
  charge: ChargeJson,
  signed: SignedReceiptJson,
  proof: ReceiptProof.optional(),
})
export type InferenceReceipt = z.infer<typeof InferenceReceipt>

/** Most bytes of a receipt in JSON. */
export const MAX_RECEIPT_BYTES = 16 * 1024

/** What a receipt's check came to, step by step: `ok` as a whole only where every step is. */
export interface ReceiptCheck {
  ok: boolean
  steps: ReceiptStep[]
}
export interface ReceiptStep {
  /**
   * `content`: details and charge are what was signed. `signature`: the worker's key signed. `lease`: all of
   * it speaks of one lease. `price`: the amount is at most the offer's price of that usage. `proof`: it is in
   * the batch that its proof names.
   */
  step: 'content' | 'signature' | 'lease' | 'price' | 'proof'
  ok: boolean
  /** One sentence. */
  says: string
}

/** What `checkReceipt` holds a receipt against. */
export interface ReceiptGround {
  chainId: number
  /** The Workers contract of that chain. */
  workers: Address
  /** The offer's prices (`Vouchers.termsOf`); without them no step `price` is taken. */
  prices?: TokenPrices | undefined
}

/** What the worker's receipt has as its content: `chargeContent` over the charge and all details. */
export function receiptContent({ charge, details }: Pick<InferenceReceipt, 'charge' | 'details'>): Hex {
  const known = chargeFromJson(charge)
  if (!known) throw new CloisterError('bad-request', 'The receipt has no charge.')
  return chargeContent(known, canonicalHash(details))
}

/** The domain's hash for the last chain and contract: a door signs all of its receipts for one. */
let lastDomain: { chainId: number; workers: Address; separator: Hex } | undefined
const RECEIPT_TYPE = keccak256(
  utf8('Receipt(address worker,bytes32 lease,uint64 era,uint64 sequence,bytes32 content)'),
)

/** A receipt's place in a tree: the digest that the worker's key signed (EIP-712). */
export function receiptDigest(signed: SignedReceiptJson, ground: ReceiptGround): Hex {
  const { chainId, workers } = ground
  if (lastDomain?.chainId !== chainId || lastDomain.workers !== workers) {
    const { domain } = receiptTypedData(
      { ...signed, era: BigInt(signed.era), sequence: BigInt(signed.sequence) },
      chainId,
      workers,
    )
    lastDomain = { chainId, workers, separator: domainSeparator({ domain }) }
  }
  // What `hashTypedData` does, without its looks at types: it would take longer than all else of a receipt.
  const struct = keccak256(
    concat([
      RECEIPT_TYPE,
      pad(signed.worker),
      signed.lease,
      numberToHex(BigInt(signed.era), { size: 32 }),
      numberToHex(BigInt(signed.sequence), { size: 32 }),
      signed.content,
    ]),
  )
  return keccak256(concat(['0x1901', lastDomain.separator, struct]))
}

/**
 * Checks a receipt against itself and, where they are given, prices. It asks nobody: whether the worker was
 * attested, the lease its own and the root on chain is for whoever can ask the chain.
 */
export async function checkReceipt(file: InferenceReceipt, ground: ReceiptGround): Promise<ReceiptCheck> {
  const { details, charge, signed, proof } = file
  const steps: ReceiptStep[] = []
  const say = (step: ReceiptStep['step'], ok: boolean, good: string, bad: string) =>
    steps.push({ step, ok, says: ok ? good : bad })

  say(
    'content',
    receiptContent(file) === signed.content,
    'Hashes, usage and amount are what the worker signed.',
    'What it says is not what was signed: something was changed.',
  )
  const receipt = receiptFromJson(signed)
  say(
    'signature',
    receipt !== undefined && (await isReceiptSigned(receipt, ground.chainId, ground.workers)),
    `Worker ${signed.worker} signed it.`,
    `Worker ${signed.worker} did not sign it.`,
  )
  say(
    'lease',
    details.lease === signed.lease && details.id.slice(5, 13) === signed.lease.slice(2, 10),
    `It is of lease ${signed.lease}.`,
    'Its parts speak of different leases.',
  )
  const known = chargeFromJson(charge)
  const isConsistent =
    known !== undefined && known.cached <= known.input && (known.offer !== NONE || known.amount === 0n)
  if (!isConsistent || ground.prices) {
    const price = isConsistent && ground.prices ? priceOf(known, ground.prices) : 0n
    say(
      'price',
      isConsistent && known.amount <= price,
      `It cost ${charge.amount} base units, at most the price of ${charge.input} tokens in and ${charge.output} out.`,
      `It cost ${charge.amount} base units where the price of its usage is ${price}.`,
    )
  }
  if (proof)
    say(
      'proof',
      isIncluded(receiptDigest(signed, ground), proof.path, proof.root) && proof.era === signed.era,
      `It is one of ${proof.count} receipts under root ${proof.root}.`,
      'It is not in the batch that its proof names.',
    )
  return { ok: steps.every(({ ok }) => ok), steps }
}

/** What a receipt names evidence by: SHA-256 of its canonical JSON. */
export function evidenceDigest(evidence: unknown): Hex {
  return canonicalHash(evidence)
}
