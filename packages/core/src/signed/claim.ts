import type { Address } from 'viem'
import { VERDICT_TYPES, verdictToChain, type WorkerVerdict } from './verdict.ts'
import { workersDomain } from './workers-domain.ts'

/** EIP-712 types of a claim to a verdict, as in Verdicts.sol. */
export const CLAIM_TYPES = { Claim: [{ name: 'verdict', type: 'Verdict' }], ...VERDICT_TYPES } as const

/** What the worker that a verdict is about signs, so that somebody else may hand the verdict in. */
export function claimTypedData(verdict: WorkerVerdict, chainId: number, workers: Address) {
  return {
    domain: workersDomain(chainId, workers),
    types: CLAIM_TYPES,
    primaryType: 'Claim' as const,
    message: { verdict: verdictToChain(verdict) },
  } as const
}
