import type { Address } from 'viem'
import { canonicalHash } from '../manifest/canonical.ts'
import type { UnsignedVerdictRequest } from '../wire/verdict.ts'
import { VERDICT_KINDS } from './verdict.ts'
import { workersDomain } from './workers-domain.ts'

/** EIP-712 types of a request for a verdict. No contract reads it. */
export const VERDICT_REQUEST_TYPES = {
  VerdictRequest: [
    { name: 'kind', type: 'uint8' },
    { name: 'worker', type: 'address' },
    { name: 'tlsKeyHash', type: 'bytes32' },
    { name: 'blockNumber', type: 'uint256' },
    { name: 'blockHash', type: 'bytes32' },
    { name: 'evidence', type: 'bytes32' },
  ],
} as const

/**
 * What a worker's key signs to say that evidence is its own: all of a request to verifiers but the
 * signature.
 */
export function verdictRequestTypedData(request: UnsignedVerdictRequest, chainId: number, workers: Address) {
  const { kind, worker, tlsKeyHash, block, ...evidence } = request
  return {
    domain: workersDomain(chainId, workers),
    types: VERDICT_REQUEST_TYPES,
    primaryType: 'VerdictRequest' as const,
    message: {
      kind: VERDICT_KINDS.indexOf(kind),
      worker,
      tlsKeyHash,
      blockNumber: BigInt(block.number),
      blockHash: block.hash,
      evidence: canonicalHash(evidence),
    },
  } as const
}
