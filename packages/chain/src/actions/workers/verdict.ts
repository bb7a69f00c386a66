import {
  type ConfirmedGpus,
  claimTypedData,
  verdictToChain,
  verdictTypedData,
  type WorkerVerdict,
} from '@cloister/core'
import { type Address, type Hex, hexToString, type LocalAccount, recoverTypedDataAddress } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { WORKERS_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'

type Place = Pick<Network, 'chainId' | 'contracts'>

/** Signs a verdict as a verifier, with its worker key (EIP-712, see Verdicts.sol). */
export function signVerdict(network: Place, verifier: LocalAccount, verdict: WorkerVerdict): Promise<Hex> {
  return verifier.signTypedData(verdictTypedData(verdict, network.chainId, network.contracts.workers))
}

/** Whose signature of a verdict it is. Throws where it is nobody's. */
export function recoverVerifier(network: Place, verdict: WorkerVerdict, signature: Hex): Promise<Address> {
  const typed = verdictTypedData(verdict, network.chainId, network.contracts.workers)
  return recoverTypedDataAddress({ ...typed, signature })
}

/**
 * Signs, with the key of the worker that a verdict is about, that it claims it: for somebody else to hand it
 * in.
 */
export function signClaim(network: Place, worker: LocalAccount, verdict: WorkerVerdict): Promise<Hex> {
  return worker.signTypedData(claimTypedData(verdict, network.chainId, network.contracts.workers))
}

/**
 * Hands in a verdict: it covers a worker, or confirms its GPUs. Where the wallet isn't the worker's, `claim`
 * is the worker's (`signClaim`). Throws `reverted` with the contract's reason.
 */
export function handInVerdict(wallet: Wallet, verdict: WorkerVerdict, signatures: Hex[], claim: Hex = '0x') {
  const call = { address: wallet.network.contracts.workers, abi: WORKERS_ABI } as const
  const said = [verdictToChain(verdict), signatures, claim] as const
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
