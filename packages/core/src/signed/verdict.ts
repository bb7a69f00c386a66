import { type Address, type Hex, stringToHex } from 'viem'
import { workersDomain } from './workers-domain.ts'

/** What a verdict is about, in the order of `Verdicts.Kind`. */
export const VERDICT_KINDS = ['sev-snp', 'nitro', 'nvidia-gpus'] as const
export type VerdictKind = (typeof VERDICT_KINDS)[number]

/** What verifiers say of a worker. */
export interface WorkerVerdict {
  kind: VerdictKind
  worker: Address
  provider: Address
  /** SHA-256 of the identity of the machine, or of the GPUs. */
  platform: Hex
  /** keccak256 of the guest's measurements; for GPUs zero. */
  measurement: Hex
  tlsKeyHash: Hex
  /** Lower case model; for guests empty. */
  gpuClass: string
  gpus: number
  /**
   * For GPUs: SHA-256 of each one's identity, ascending. `platform` is SHA-256 of them, one after the other.
   */
  gpuIds: Hex[]
  /** The block that the evidence is bound to. */
  block: { number: bigint; hash: Hex }
}

/** EIP-712 types of a verdict, as in Verdicts.sol. */
export const VERDICT_TYPES = {
  Verdict: [
    { name: 'kind', type: 'uint8' },
    { name: 'worker', type: 'address' },
    { name: 'provider', type: 'address' },
    { name: 'platform', type: 'bytes32' },
    { name: 'measurement', type: 'bytes32' },
    { name: 'tlsKeyHash', type: 'bytes32' },
    { name: 'gpuClass', type: 'bytes32' },
    { name: 'gpus', type: 'uint16' },
    { name: 'blockNumber', type: 'uint256' },
    { name: 'blockHash', type: 'bytes32' },
  ],
} as const

/** A verdict as the Workers contract takes it. `gpuIds` are no part of it: `platform` stands for them. */
export function verdictToChain({ kind, gpuClass, gpuIds: _named, block, ...verdict }: WorkerVerdict) {
  return {
    kind: VERDICT_KINDS.indexOf(kind),
    ...verdict,
    gpuClass: stringToHex(gpuClass, { size: 32 }),
    blockNumber: block.number,
    blockHash: block.hash,
  }
}

/** What a verifier signs with its worker key. */
export function verdictTypedData(verdict: WorkerVerdict, chainId: number, workers: Address) {
  return {
    domain: workersDomain(chainId, workers),
    types: VERDICT_TYPES,
    primaryType: 'Verdict' as const,
    message: verdictToChain(verdict),
  } as const
}
