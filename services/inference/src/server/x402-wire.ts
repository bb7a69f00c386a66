// What x402's clients send and read (x402 version 2, scheme `batch-settlement`, specs/schemes; names as in
// its package @x402/evm 2.27).
import { address, bytes32, ChannelJson, decimal, hexBytes, voucherFromJson } from '@cloister/core'
import * as z from 'zod'

/** Header of a payment, by which a client pays for its request. */
export const PAYMENT_HEADER = 'payment-signature'
/** Header of an answer 402: how one can pay. */
export const REQUIRED_HEADER = 'payment-required'
/** Header of an answer that was paid: what it cost. */
export const RESPONSE_HEADER = 'payment-response'
export const SCHEME = 'batch-settlement'
/** For people who want no deposit: one transaction a request. */
export const EXACT_SCHEME = 'exact'
const MAX_HEADER_BYTES = 16 * 1024
const ERROR = 'invalid_batch_settlement_evm'
const EXACT = 'invalid_exact_evm_payload'

/** Why a payment isn't taken, in x402's words. Clients try again by themselves after `mismatch`. */
export const REASONS = {
  required: 'Payment required',
  mismatch: `${ERROR}_cumulative_amount_mismatch`,
  balance: `${ERROR}_cumulative_exceeds_balance`,
  signature: `${ERROR}_voucher_signature`,
  channel: `${ERROR}_channel_id_mismatch`,
  receiver: `${ERROR}_receiver_mismatch`,
  authorizer: `${ERROR}_receiver_authorizer_mismatch`,
  token: `${ERROR}_token_mismatch`,
  network: `${ERROR}_network_mismatch`,
  deposit: `${ERROR}_deposit_transaction_failed`,
  payload: `${ERROR}_payload_type`,
  exactToken: 'asset_mismatch',
  exactReceiver: `${EXACT}_recipient_mismatch`,
  exactValue: `${EXACT}_authorization_value`,
  exactTime: `${EXACT}_authorization_valid_before`,
  exactSignature: `${EXACT}_signature`,
  exactUsed: `${EXACT}_transaction_failed`,
} as const

const voucher = z
  .unknown()
  .transform(voucherFromJson)
  .refine((found) => found !== undefined, 'no voucher')
  .transform((found) => found as NonNullable<typeof found>)

const Deposit = z.object({
  amount: decimal,
  authorization: z.object({
    erc3009Authorization: z.object({
      validAfter: decimal,
      validBefore: decimal,
      salt: z.string().regex(/^0x[0-9a-fA-F]{1,64}$/),
      signature: hexBytes,
    }),
  }),
})

/** The payment of a request: a voucher, and a deposit before it where the channel hasn't enough. */
const Payment = z.object({
  x402Version: z.literal(2),
  accepted: z.object({
    scheme: z.string(),
    network: z.string(),
    asset: address,
    payTo: address,
    amount: decimal,
  }),
  payload: z.discriminatedUnion('type', [
    z.object({ type: z.literal('voucher'), channelConfig: ChannelJson, voucher }),
    z.object({ type: z.literal('deposit'), channelConfig: ChannelJson, voucher, deposit: Deposit }),
  ]),
})
export type Payment = z.infer<typeof Payment>

/** A payment of one request: what a token is authorized to send (EIP-3009). */
const ExactPayment = z.object({
  x402Version: z.literal(2),
  accepted: z.object({ scheme: z.literal(EXACT_SCHEME), network: z.string(), asset: address }),
  payload: z.object({
    signature: hexBytes,
    authorization: z.object({
      from: address,
      to: address,
      value: decimal,
      validAfter: decimal,
      validBefore: decimal,
      nonce: bytes32,
    }),
  }),
})
export type ExactPayment = z.infer<typeof ExactPayment>

/** Reads a payment's header; undefined for what is none. */
export function readPayment(header: string): Payment | ExactPayment | undefined {
  if (header.length > MAX_HEADER_BYTES) return undefined
  try {
    const json = JSON.parse(Buffer.from(header, 'base64').toString('utf8'))
    return ExactPayment.safeParse(json).data ?? Payment.safeParse(json).data
  } catch {
    return undefined
  }
}

/** Whether a payment is of one request. */
export function isExact(payment: Payment | ExactPayment): payment is ExactPayment {
  return payment.accepted.scheme === EXACT_SCHEME
}

/** A header's value, as x402 has all of its own. */
export function encodeHeader(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64')
}
