import type { Address, Hex, LocalAccount } from 'viem'
import { hexToString, stringToHex, zeroHash } from 'viem'
import type { Chain, Wallet } from '../client.ts'
import { WORKERS_ABI } from '../generated/abis.ts'
import type { Network } from '../network.ts'
import type { FreshBlock } from './attestation.ts'
import { send } from './send.ts'

/** What verifiers say of a worker's GPUs. */
export interface GpuVerdict {
  worker: Address
  provider: Address
  /** SHA-256 of the GPUs' identities. */
  platform: Hex
  tlsKeyHash: Hex
  /** Lower case model. */
  gpuClass: string
  gpus: number
  block: FreshBlock
}

const NVIDIA_GPUS = 2
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
export function signGpuVerdict({ chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>, verifier: LocalAccount, verdict: GpuVerdict): Promise<Hex> {
  const domain = { name: 'Cloister Workers', version: '1', chainId, verifyingContract: contracts.workers }
  return verifier.signTypedData({ domain, types: TYPES, primaryType: 'Verdict', message: toChain(verdict) })
}

/** Hands in a verdict on a worker's GPUs. Anybody may. Throws `reverted` with the contract's reason. */
export function confirmGpus(wallet: Wallet, verdict: GpuVerdict, signatures: Hex[]) {
  const { workers } = wallet.network.contracts
  return send(wallet, { address: workers, abi: WORKERS_ABI, functionName: 'confirmGpus', args: [toChain(verdict), signatures] })
}

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

function toChain({ worker, provider, platform, tlsKeyHash, gpuClass, gpus, block }: GpuVerdict) {
  return {
    kind: NVIDIA_GPUS,
    worker,
    provider,
    platform,
    image: zeroHash,
    tlsKeyHash,
    gpuClass: stringToHex(gpuClass, { size: 32 }),
    gpus,
    blockNumber: block.number,
    blockHash: block.hash,
  }
}
