import { keyTypedData } from '@cloister/core'
import { type Address, type Hex, isAddressEqual, type LocalAccount, zeroAddress } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { send } from '../send.ts'
import { read, vouchersContract } from './contracts.ts'

/** A session key as the chain keeps it. */
export interface SessionKey {
  key: Address
  payer: Address
  token: Address
  /** Base units: what draws by it may come to, less what came back; and what they did come to. */
  cap: bigint
  drawn: bigint
  /** Last Unix second at which it can draw. */
  until: number
}

/** A session key's registration; undefined where there is none. Throws `not-found`. */
export async function getKey(chain: Chain, key: Address): Promise<SessionKey | undefined> {
  const found = await read(chain, vouchersContract(chain), 'keyOf', [key])
  return found.payer === zeroAddress ? undefined : { key, ...found }
}

/**
 * Registers a session key of the caller's, which signs its consent, or changes what it may. A cap of zero
 * stops it. Throws `not-found`, `reverted`.
 */
export async function setKey(
  wallet: Wallet,
  key: LocalAccount,
  { token, cap, until }: { token: Address; cap: bigint; until: number },
): Promise<void> {
  const { address } = vouchersContract(wallet)
  const typed = keyTypedData(wallet.account.address, wallet.network.chainId, address)
  await set(wallet, key.address, { token, cap, until }, await key.signTypedData(typed))
}

/**
 * Changes what a session key of the caller's may, without having it at hand. Throws `not-found`, `reverted`.
 */
export async function changeKey(
  wallet: Wallet,
  key: Address,
  changes: { cap?: bigint; until?: number },
): Promise<void> {
  const known = await getKey(wallet, key)
  const isOwn = known && isAddressEqual(known.payer, wallet.account.address)
  // For another account's the contract says what is wrong.
  const { token = zeroAddress, cap = 0n, until = 0 } = isOwn ? known : {}
  await set(wallet, key, { token, cap, until, ...changes }, '0x')
}

async function set(
  wallet: Wallet,
  key: Address,
  { token, cap, until }: { token: Address; cap: bigint; until: number },
  signature: Hex,
): Promise<void> {
  const args = [key, token, cap, until, signature] as const
  await send(wallet, { ...vouchersContract(wallet), functionName: 'setKey', args })
}
