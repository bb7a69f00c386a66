import { joinTypedData } from '@cloister/core'
import {
  type Address,
  BlockNotFoundError,
  type Hex,
  hexToString,
  type LocalAccount,
  stringToHex,
  zeroAddress,
} from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { WORKERS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'

/** What a worker says it is, as registered. */
export interface WorkerDescription {
  cpuMilli: number
  memoryMiB: number
  diskMiB: number
  gpus: number
  /** Lower case model, empty without GPUs. */
  gpuClass: string
  /** Base URL of its HTTP interface. */
  endpoint: string
}

/** Coverage of a worker: covered seconds up to now and the Unix second coverage ends. */
export interface Billing {
  provider: Address
  coveredSeconds: bigint
  until: bigint
}

/** The registered worker, or undefined. */
export async function getWorker({ client, network }: Chain, worker: Address) {
  const found = await client.readContract({
    address: network.contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'workerOf',
    args: [worker],
  })
  if (found.provider === zeroAddress) return undefined
  return { ...found, description: fromChain(found.description) }
}

export async function getBilling({ client, network }: Chain, worker: Address): Promise<Billing> {
  const [provider, coveredSeconds, until] = await client.readContract({
    address: network.contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'billing',
    args: [worker],
  })
  return { provider, coveredSeconds, until }
}

/**
 * Seconds since the block that the evidence of a worker's last attestation was bound to: how old that
 * evidence is at most. Infinity where it never attested, or the chain no longer has the block. A node that
 * stands still makes nothing younger.
 */
export async function getAttestationAge({ client, network }: Chain, worker: Address): Promise<number> {
  const coverage = {
    address: network.contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'coverageOf',
    args: [worker],
  } as const
  const [{ lastBlock }, head] = await Promise.all([client.readContract(coverage), client.getBlock()])
  if (lastBlock === 0n) return Infinity
  const bound = await client.getBlock({ blockNumber: lastBlock }).catch((error) => {
    if (error instanceof BlockNotFoundError) return undefined
    throw error
  })
  if (!bound) return Infinity
  return Math.max(
    0,
    Number(head.timestamp - bound.timestamp),
    Math.floor(Date.now() / 1000) - Number(bound.timestamp),
  )
}

/** Registers a worker for the wallet's account, with the worker key's consent. */
export async function registerWorker(provider: Wallet, worker: LocalAccount, description: WorkerDescription) {
  const { chainId, contracts } = provider.network
  const join = { provider: provider.account.address, worker: worker.address }
  const signature = await worker.signTypedData(joinTypedData(join, chainId, contracts.workers))
  return send(provider, {
    address: contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'register',
    args: [worker.address, toChain(description), signature],
  })
}

/** Replaces a worker's description. Provider only. */
export function describeWorker(provider: Wallet, worker: Address, description: WorkerDescription) {
  return send(provider, {
    address: provider.network.contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'describe',
    args: [worker, toChain(description)],
  })
}

/** Ends the worker's coverage now. */
export function departWorker(wallet: Wallet, worker: Address) {
  return send(wallet, {
    address: wallet.network.contracts.workers,
    abi: WORKERS_ABI,
    functionName: 'depart',
    args: [worker],
  })
}

function toChain(description: WorkerDescription) {
  return { ...description, gpuClass: stringToHex(description.gpuClass, { size: 32 }) }
}

/** A description as the contract and its events give it. */
export function fromChain(
  description: Omit<WorkerDescription, 'gpuClass'> & { gpuClass: Hex },
): WorkerDescription {
  return { ...description, gpuClass: hexToString(description.gpuClass).replace(/\0+$/, '') }
}
