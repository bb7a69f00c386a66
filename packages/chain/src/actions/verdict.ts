import { type ConfirmedGpus, canonicalHash, type UnsignedVerdictRequest } from '@cloister/core'
import {
  type Address,
  type Hex,
  hexToString,
  type LocalAccount,
  recoverTypedDataAddress,
  stringToHex,
} from 'viem'
import type { Chain, Wallet } from '../client.ts'
import { WORKERS_ABI } from '../generated/abis.ts'
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
  /** keccak256 of the guest's measurements; for GPUs zero. */
  image: Hex
  tlsKeyHash: Hex
  /** Lower case model; for guests empty. */
  gpuClass: string
  gpus: number
  /**
   * For GPUs: SHA-256 of each one's identity, ascending. `platform` is SHA-256 of them, one after the other.
   */
  gpuIds: Hex[]
  block: FreshBlock
}

const VERDICT = {
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

const CLAIM = { Claim: [{ name: 'verdict', type: 'Verdict' }], ...VERDICT } as const
const REQUEST = {
  VerdictRequest: [
    { name: 'kind', type: 'uint8' },
    { name: 'worker', type: 'address' },
    { name: 'tlsKeyHash', type: 'bytes32' },
    { name: 'blockNumber', type: 'uint256' },
    { name: 'blockHash', type: 'bytes32' },
    { name: 'evidence', type: 'bytes32' },
  ],
} as const

type Place = Pick<Network, 'chainId' | 'contracts'>

function domainOf({ chainId, contracts }: Place) {
  return { name: 'Cloister Workers', version: '1', chainId, verifyingContract: contracts.workers }
}

/** Signs a verdict as a verifier, with its worker key (EIP-712, see Verdicts.sol). */
export function signVerdict(network: Place, verifier: LocalAccount, verdict: WorkerVerdict): Promise<Hex> {
  return verifier.signTypedData({
    domain: domainOf(network),
    types: VERDICT,
    primaryType: 'Verdict',
    message: toChain(verdict),
  })
}

/** Whose signature of a verdict it is. Throws where it is nobody's. */
export function recoverVerifier(network: Place, verdict: WorkerVerdict, signature: Hex): Promise<Address> {
  return recoverTypedDataAddress({
    domain: domainOf(network),
    types: VERDICT,
    primaryType: 'Verdict',
    message: toChain(verdict),
    signature,
  })
}

/**
 * Signs, with the key of the worker that a verdict is about, that it claims it: for somebody else to hand it
 * in.
 */
export function signClaim(network: Place, worker: LocalAccount, verdict: WorkerVerdict): Promise<Hex> {
  const message = { verdict: toChain(verdict) }
  return worker.signTypedData({ domain: domainOf(network), types: CLAIM, primaryType: 'Claim', message })
}

/**
 * What a worker's key signs to say that evidence is its own: all of a request to verifiers but the
 * signature.
 */
export function verdictRequestTypedData(network: Place, request: UnsignedVerdictRequest) {
  const { kind, worker, tlsKeyHash, block, ...evidence } = request
  return {
    domain: domainOf(network),
    types: REQUEST,
    primaryType: 'VerdictRequest' as const,
    message: {
      kind: KINDS.indexOf(kind),
      worker,
      tlsKeyHash,
      blockNumber: BigInt(block.number),
      blockHash: block.hash,
      evidence: canonicalHash(evidence),
    },
  } as const
}

/**
 * Hands in a verdict: it covers a worker, or confirms its GPUs. Where the wallet isn't the worker's, `claim`
 * is the worker's (`signClaim`). Throws `reverted` with the contract's reason.
 */
export function handInVerdict(wallet: Wallet, verdict: WorkerVerdict, signatures: Hex[], claim: Hex = '0x') {
  const call = { address: wallet.network.contracts.workers, abi: WORKERS_ABI } as const
  const said = [toChain(verdict), signatures, claim] as const
  if (verdict.kind === 'nvidia-gpus')
    return send(wallet, { ...call, functionName: 'confirmGpus', args: [...said, verdict.gpuIds] })
  return send(wallet, { ...call, functionName: 'attestByVerdict', args: said })
}

/** What `Workers.gpusOf` says: GPUs that verifiers vouched for, while that and the worker's coverage last. */
export async function getConfirmedGpus({ client, network }: Chain, worker: Address): Promise<ConfirmedGpus> {
  const [gpuClass, gpus] = await client.readContract({
    address: network.contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'gpusOf',
    args: [worker],
  })
  return { gpuClass: hexToString(gpuClass, { size: 32 }), gpus: Number(gpus) }
}

/** How many verifiers have to agree. */
export async function getVerdictThreshold({ client, network }: Chain): Promise<number> {
  return Number(
    await client.readContract({
      address: network.contracts.workers,
      abi: WORKERS_ABI,
      functionName: 'verdictThreshold',
    }),
  )
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
