import { address, bytes32, purposeDigest } from '@cloister/core'
import { WorkerEvidence } from '@cloister/workload/wire'
import type { Address, Hex } from 'viem'
import * as z from 'zod'
import { EndpointOptions } from './options.ts'
import { OfferJson } from './prices.ts'

/** `GET /v1/endpoint`: who answers here, what it runs and what it costs. Nobody has to believe it yet. */
export const Endpoint = z.object({
  lease: bytes32,
  manifestHash: bytes32,
  worker: address,
  chainId: z.int().min(1),
  /** The Vouchers contract; absent on a network without. */
  vouchers: address.optional(),
  options: EndpointOptions,
  /** What an answer costs now; absent where nothing is billed. */
  offer: OfferJson.optional(),
  /** X25519, raw: requests are sealed to it. */
  sealingKey: bytes32,
  /** Signs claims and refunds: `receiverAuthorizer` of all channels to this endpoint. */
  authorizer: address,
})
export type Endpoint = z.infer<typeof Endpoint>

/** `GET /v1/attestation?nonce=0x<64>`: the same, and evidence over it. */
export const Attestation = z.object({
  ...Endpoint.shape,
  /** As it was asked with; 32 zero bytes where it was asked without. */
  nonce: bytes32,
  evidence: WorkerEvidence,
})
export type Attestation = z.infer<typeof Attestation>

/** What an endpoint has its worker quote: whoever judges the evidence computes it anew (`judgeQuote`). */
export function attestationData(facts: {
  lease: Hex
  sealingKey: Hex
  authorizer: Address
  nonce: Hex
}): Hex {
  const { lease, sealingKey, authorizer, nonce } = facts
  return purposeDigest('cloister inference endpoint', [lease, sealingKey, authorizer, nonce])
}
