import type { Address, Hex } from 'viem'
import type { Chain, Wallet } from '../client.ts'
import { KEY_SERVICE_ABI } from '../generated/abis.ts'
import { send } from './send.ts'

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
  const free = await Promise.all(seats.map((_, index) => client.readContract({ ...contract, functionName: 'isFree', args: [BigInt(index)] })))
  return seats.map((seat, index) => ({ ...seat, index })).filter(({ index }) => !free[index])
}

/** What new instances of the key service have to run: SHA-256 of the canonical manifest; zero where nothing was named. */
export function getKeyServiceManifest({ client, network }: Chain): Promise<Hex> {
  return client.readContract({ address: network.contracts.keyService, abi: KEY_SERVICE_ABI, functionName: 'manifestHash' })
}

/** Gives a free seat to a lease that runs the key service. Throws `reverted` with the contract's reason. */
export function takeSeat(wallet: Wallet, seat: number, lease: Hex) {
  return send(wallet, { address: wallet.network.contracts.keyService, abi: KEY_SERVICE_ABI, functionName: 'take', args: [BigInt(seat), lease] })
}

/** Names what new instances have to run. The contract's owner only. */
export function setKeyServiceManifest(wallet: Wallet, manifestHash: Hex) {
  return send(wallet, { address: wallet.network.contracts.keyService, abi: KEY_SERVICE_ABI, functionName: 'setManifest', args: [manifestHash] })
}
