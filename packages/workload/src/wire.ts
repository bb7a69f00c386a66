// What the worker's agent takes and says on its socket in a container, `AGENT_SOCKET`: HTTP, bodies in JSON,
// problem documents (RFC 9457) for what it doesn't do. Both sides read these shapes.
import { GuestEndorsements, GuestKind } from '@cloister/attest'
import { Network } from '@cloister/chain'
import { address, bytes32, hexBytes, purposeDigest } from '@cloister/core'
import type { Hex } from 'viem'
import * as z from 'zod'

/** Bytes of a request's body, at most. */
export const MAX_BODY_BYTES = 2 * 1024 * 1024

/** `GET /v1/self`: what asks, as its worker's agent knows it. */
export const Self = z.object({
  lease: bytes32,
  /** SHA-256 of the canonical manifest that runs. */
  manifestHash: bytes32,
  worker: address,
  /** Its `rpcUrl` leads nowhere: the chain is read through the agent. */
  network: Network,
})
export type Self = z.infer<typeof Self>

/** `GET /v1/sealing-key`: 32 bytes that this worker gives to this very manifest of this lease alone. */
export const SealingKey = z.object({ key: z.base64().length(44) })
export type SealingKey = z.infer<typeof SealingKey>

/**
 * `GET /v1/quote?data=0x…`: a quote about a worker, with all it takes to judge it. Both sides compute what
 * the quote is bound to; the worker's key signs that besides (`purposeTypedData`), since a worker quotes any
 * number for whoever asks.
 */
export const WorkerEvidence = z.strictObject({
  worker: address,
  signature: hexBytes,
  kind: GuestKind,
  tlsKeyHash: bytes32,
  quote: z.base64().max(100_000),
  eventLog: z.string().max(1_000_000).optional(),
  endorsements: GuestEndorsements,
})
export type WorkerEvidence = z.infer<typeof WorkerEvidence>

/**
 * `GET /v1/seat-consent`: the worker's word that this lease may have a seat of the key service, as
 * `KeyService.take` wants to see it. The agent answers `forbidden` where its provider gives no seat.
 */
export const SeatConsent = z.object({
  seat: z.int().min(0).max(2),
  lease: bytes32,
  /** Unix seconds. */
  expiry: z.int().min(0),
  /** The worker key's, see KeyService.sol. */
  signature: hexBytes,
})
export type SeatConsent = z.infer<typeof SeatConsent>

/**
 * `POST /v1/receipts`: the worker's receipt for one unit of the lease's work. The answer is a
 * `SignedReceiptJson` of core, with the lease's next number.
 */
export const ReceiptRequest = z.strictObject({
  /** Hash of what was done. */
  content: bytes32,
})

/** Bytes of a transaction's data, at most: batches of a hundred claims fit. */
export const MAX_TRANSACTION_BYTES = 65_536

/**
 * `POST /v1/transactions`: a call that the worker sends out of its own account and at its own cost. Of
 * Vouchers: `draw`, `drawMany`, `claimWithSignature`, `depositWithAuthorization`, `refundWithSignature`. Of
 * Receipts: `anchor` for this lease. Of x402's contract: `deposit` by its own collector,
 * `claimWithSignature`, `settle`, `refundWithSignature`. Of Receivers, in tokens of the network's: `sweep`,
 * `takeAuthorized`. The answer comes once it is in a block.
 */
export const TransactionRequest = z.strictObject({
  contract: z.enum(['vouchers', 'receipts', 'x402', 'receivers']),
  data: z
    .string()
    .max(2 + 2 * MAX_TRANSACTION_BYTES)
    .regex(/^0x(?:[0-9a-fA-F]{2})+$/, 'not bytes in hex')
    .transform((text) => text as Hex),
})
export type TransactionRequest = z.infer<typeof TransactionRequest>

/** A transaction that is in a block, and did what it was to do. */
export const SentTransaction = z.object({ hash: bytes32 })
export type SentTransaction = z.infer<typeof SentTransaction>

/** What a workload may ask the chain: nothing is sent, nothing is made to wait. */
const READS = ['eth_chainId', 'eth_blockNumber', 'eth_getBlockByNumber', 'eth_call'] as const

/** `POST /v1/rpc`: a read of the chain. The answer is the call's result. */
export const ChainRead = z.object({ method: z.enum(READS), params: z.array(z.unknown()).max(4) })

/** `POST /v1/call`: a request to a service of another lease, wherever that runs. */
export const LeaseCall = z.strictObject({
  lease: bytes32,
  method: z.enum(['GET', 'POST']),
  path: z.string().regex(/^\/[\x21-\x7e]{0,1000}$/),
  /** JSON. */
  body: z.string().max(MAX_BODY_BYTES).optional(),
})
export type LeaseCall = z.infer<typeof LeaseCall>

/** What came back: nobody on the way vouches for it. */
export const LeaseAnswer = z.object({ status: z.int(), body: z.string() })
export type LeaseAnswer = z.infer<typeof LeaseAnswer>

/**
 * Second half of the report data of a quote that a worker made for a lease that runs on it, over 32 bytes of
 * the lease's choice.
 */
export function workloadFreshness(lease: Hex, manifestHash: Hex, data: Hex): Hex {
  return purposeDigest('cloister workload quote', [lease, manifestHash, data])
}
