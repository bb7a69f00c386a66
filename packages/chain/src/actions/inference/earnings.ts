import type { Address } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { send } from '../send.ts'
import { read, vouchersContract } from './contracts.ts'

/** What an account is owed of what was claimed, in base units of a token. Throws `not-found`. */
export function getModelEarnings(chain: Chain, account: Address, token: Address): Promise<bigint> {
  return read(chain, vouchersContract(chain), 'credit', [account, token])
}

/** Sends all that the caller is owed in `token` to `to`. Throws `not-found`, `reverted`. */
export async function withdrawModelEarnings(wallet: Wallet, token: Address, to: Address): Promise<void> {
  await send(wallet, { ...vouchersContract(wallet), functionName: 'withdraw', args: [token, to] })
}
