import { type Abi, type Address, concatHex, type Hex, hexToString, type LocalAccount, sha256, stringToHex } from 'viem'
import type { Chain, Wallet } from '../client.ts'
import { PLATFORMS_ABI, WORKERS_ABI } from '../generated/abis.ts'
import type { Network } from '../network.ts'
import type { FreshBlock } from './attestation.ts'
import { send } from './send.ts'

/** What a verdict is about, in the order of `Verdicts.Kind`. */
const KINDS = ['sev-snp', 'nitro', 'nvidia-gpus'] as const
export type VerdictKind = (typeof KINDS)[number]

/** What verifiers say of a worker. */
export interface WorkerVerdict {
  kind: VerdictKind
  worker: Address
  provider: Address
  /** SHA-256 of the identity of the machine, or of the GPUs. */
  platform: Hex
  /** Name of the guest image; for GPUs zero. */
  image: Hex
  tlsKeyHash: Hex
  /** Lower case model; for guests empty. */
  gpuClass: string
  gpus: number
  /** For GPUs: SHA-256 of each one's identity, ascending. `platform` is SHA-256 of them, one after the other. */
  gpuIds: Hex[]
  block: FreshBlock
}

const TYPES = {
  Verdict: [
    { name: 'kind', type: 'uint8' },
    { name: 'worker', type: 'address' },
    { name: 'provider', type: 'address' },
    { name: 'platform', type: 'bytes32' },
    { name: 'image', type: 'bytes32' },
    { name: 'tlsKeyHash', type: 'bytes32' },
    { name: 'gpuClass', type: 'bytes32' },
    { name: 'gpus', type: 'uint16' },
    { name: 'blockNumber', type: 'uint256' },
    { name: 'blockHash', type: 'bytes32' },
  ],
} as const

/** Signs a verdict as a verifier, with its worker key (EIP-712, see Verdicts.sol). */
export function signVerdict({ chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>, verifier: LocalAccount, verdict: WorkerVerdict): Promise<Hex> {
  const domain = { name: 'Cloister Workers', version: '1', chainId, verifyingContract: contracts.workers }
  return verifier.signTypedData({ domain, types: TYPES, primaryType: 'Verdict', message: toChain(verdict) })
}

/** Hands in a verdict: it covers a worker, or confirms its GPUs. Anybody may. Throws `reverted` with the contract's reason. */
export function handInVerdict(wallet: Wallet, verdict: WorkerVerdict, signatures: Hex[]) {
  const { workers } = wallet.network.contracts
  const call = { address: workers, abi: VERDICT_ABI } as const
  if (verdict.kind === 'nvidia-gpus') return send(wallet, { ...call, functionName: 'confirmGpus', args: [toChain(verdict), signatures, verdict.gpuIds] })
  return send(wallet, { ...call, functionName: 'attestByVerdict', args: [toChain(verdict), signatures] })
}

/** How GPUs are named in a verdict, out of their identities (UEIDs): each one's hash, ascending, and the hash of those. */
export function nameGpus(identities: string[]): { gpuIds: Hex[]; platform: Hex } {
  const gpuIds = identities.map((identity) => sha256(stringToHex(identity))).sort()
  return { gpuIds, platform: platformOfGpus(gpuIds) }
}

/** The hash over GPUs' names that a verdict calls its platform. */
export function platformOfGpus(gpuIds: Hex[]): Hex {
  return sha256(concatHex(gpuIds))
}

/** Errors of the contract behind come through. */
const VERDICT_ABI = [...WORKERS_ABI, ...PLATFORMS_ABI.filter(({ type }) => type === 'error')] as const satisfies Abi

/** GPUs that are confirmed in confidential mode; `gpuClass` empty and 0 where none are. */
export interface ConfirmedGpus {
  gpuClass: string
  gpus: number
}

/** What `Workers.gpusOf` says: GPUs that verifiers vouched for, while that and the worker's coverage last. */
export async function getConfirmedGpus({ client, network }: Chain, worker: Address): Promise<ConfirmedGpus> {
  const [gpuClass, gpus] = await client.readContract({ address: network.contracts.workers, abi: WORKERS_ABI, functionName: 'gpusOf', args: [worker] })
  return { gpuClass: hexToString(gpuClass, { size: 32 }), gpus: Number(gpus) }
}

/** How many verifiers have to agree. */
export async function getVerdictThreshold({ client, network }: Chain): Promise<number> {
  return Number(await client.readContract({ address: network.contracts.workers, abi: WORKERS_ABI, functionName: 'verdictThreshold' }))
}

function toChain({ kind, gpuClass, gpuIds: _named, block, ...verdict }: WorkerVerdict) {
  return {
    kind: KINDS.indexOf(kind),
    ...verdict,
    gpuClass: stringToHex(gpuClass, { size: 32 }),
    blockNumber: block.number,
    blockHash: block.hash,
  }
}
