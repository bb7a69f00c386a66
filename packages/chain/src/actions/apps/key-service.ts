import { consentTypedData } from '@cloister/core'
import type { Address, Hex, LocalAccount } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { KEY_SERVICE_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'

/** One of the three instances of the key service: a lease on a worker. */
export interface Seat {
  /** 0, 1 or 2. */
  index: number
  lease: Hex
  worker: Address
  provider: Address
  manifestHash: Hex
}

/** The seats that are filled and not free again. */
export async function getSeats({ client, network }: Chain): Promise<Seat[]> {
  const contract = { address: network.contracts.keyService, abi: KEY_SERVICE_ABI } as const
  const seats = await client.readContract({ ...contract, functionName: 'seats' })
  const free = await Promise.all(
    seats.map((_, index) =>
      client.readContract({ ...contract, functionName: 'isFree', args: [BigInt(index)] }),
    ),
  )
  return seats.map((seat, index) => ({ ...seat, index })).filter(({ index }) => !free[index])
}

/**
 * What new instances of the key service have to run: SHA-256 of the canonical manifest; zero where nothing
 * was named.
 */
export function getKeyServiceManifest({ client, network }: Chain): Promise<Hex> {
  return client.readContract({
    address: network.contracts.keyService,
    abi: KEY_SERVICE_ABI,
    functionName: 'manifestHash',
  })
}

/** A worker's word that a lease which runs on it may have a seat. */
export interface Consent {
  seat: number
  lease: Hex
  /** Until when it may be used, Unix seconds. */
  expiry: number
  signature: Hex
}

/** Gives a worker's word that a manifest which runs for a lease may have a seat, with the worker's key. */
export async function signConsent(
  { chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>,
  worker: LocalAccount,
  { manifestHash, ...consent }: Omit<Consent, 'signature'> & { manifestHash: Hex },
): Promise<Consent> {
  const signed = { ...consent, manifestHash }
  const signature = await worker.signTypedData(consentTypedData(signed, chainId, contracts.keyService))
  return { ...consent, signature }
}

/**
 * Gives a free seat to a lease that runs the key service, with its worker's consent. Throws `reverted` with
 * the contract's reason.
 */
export function takeSeat(wallet: Wallet, { seat, lease, expiry, signature }: Consent) {
  const args = [BigInt(seat), lease, BigInt(expiry), signature] as const
  return send(wallet, {
    address: wallet.network.contracts.keyService,
    abi: KEY_SERVICE_ABI,
    functionName: 'take',
    args,
  })
}

/** Reports that a seat's worker isn't covered: an hour later, unless it is back, the seat is free. */
export function reportAbsence(wallet: Wallet, seat: number) {
  const contract = { address: wallet.network.contracts.keyService, abi: KEY_SERVICE_ABI } as const
  return send(wallet, { ...contract, functionName: 'reportAbsence', args: [BigInt(seat)] })
}

/**
 * Names what new instances have to run. The contract’s owner only, and another than the first once that was
 * announced.
 */
export function setKeyServiceManifest(wallet: Wallet, manifestHash: Hex) {
  return send(wallet, {
    address: wallet.network.contracts.keyService,
    abi: KEY_SERVICE_ABI,
    functionName: 'setManifest',
    args: [manifestHash],
  })
}
