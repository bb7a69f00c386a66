import { zeroAddress } from 'viem'
import type { Settings } from './settings.ts'

type Variables = Readonly<Record<string, string | number>>

/** What compose.yaml takes beside images and keys. */
export function chainEnvironment({ layer1, layer2, proofs }: Settings): string {
  return environment({
    L1_RPC: layer1.rpcUrl,
    L1_BEACON_RPC: layer1.beaconUrl,
    L2_CHAIN_ID: layer2.chainId,
    SUBMISSION_INTERVAL: proofs.intervalBlocks,
  })
}

/**
 * What OP Succinct's deployment of its oracle takes (`just deploy-oracle`): any proposer, no challenger, and
 * an owner that waits.
 * Source: succinctlabs/op-succinct v4.3.0, book/validity/contracts/environment.md.
 */
export function oracleEnvironment({ layer1, layer2, owner, proofs }: Settings): string {
  return environment({
    L1_RPC: layer1.rpcUrl,
    L1_BEACON_RPC: layer1.beaconUrl,
    L2_RPC: layer2.rpcUrl,
    VERIFIER_ADDRESS: proofs.verifier,
    // The oracle takes what is proved, however small; the proposer waits by its own interval.
    SUBMISSION_INTERVAL: 1,
    FINALIZATION_PERIOD_SECS: proofs.finalizationSeconds,
    FALLBACK_TIMEOUT_SECS: proofs.fallbackSeconds,
    STARTING_BLOCK_NUMBER: 0,
    PROPOSER: zeroAddress,
    CHALLENGER: zeroAddress,
    OWNER: owner,
  })
}

function environment(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Variables of such a file, by name; comments and anything else are passed over. */
export function readEnvironment(text: string): Map<string, string> {
  const lines = text.split('\n').map((line) => /^([A-Z][A-Z0-9_]{0,60})=(.*)$/.exec(line.trim()))
  return new Map(lines.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? ''] as const] : [])))
}
