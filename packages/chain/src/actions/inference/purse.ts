import { type Address, parseEventLogs } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { VOUCHERS_ABI } from '../../generated/abis.ts'
import { withPermit } from '../leases/lease.ts'
import { send } from '../send.ts'
import { read, vouchersContract } from './contracts.ts'

/** What a payer has for models in one token, in base units. */
export interface Purse {
  balance: bigint
  /** What of it the payer announced to take back; whoever serves it counts on the rest alone. */
  leaving: bigint
  /** From when that may be taken, Unix seconds; undefined where nothing was announced. */
  leavesAt: number | undefined
}

/** A payer's purse. Throws `not-found`. */
export async function getPurse(chain: Chain, payer: Address, token: Address): Promise<Purse> {
  const purse = await read(chain, vouchersContract(chain), 'purseOf', [payer, token])
  return { balance: purse.balance, leaving: purse.leaving, leavesAt: purse.leavesAt || undefined }
}

/**
 * Puts `amount` base units of a token into a payer's purse, the caller's own where none is named. Throws
 * `not-found`, `reverted`.
 */
export async function depositPurse(
  wallet: Wallet,
  token: Address,
  amount: bigint,
  payer: Address = wallet.account.address,
): Promise<void> {
  const contract = vouchersContract(wallet)
  await withPermit(
    wallet,
    token,
    amount,
    (permit) => send(wallet, { ...contract, functionName: 'deposit', args: [payer, token, amount, permit] }),
    contract.address,
  )
}

/**
 * Announces that `amount` of the caller's purse is to be taken back; 0n calls that off. Returns when it may
 * be, Unix seconds. Throws `not-found`, `reverted`.
 */
export async function announceWithdrawal(wallet: Wallet, token: Address, amount: bigint): Promise<number> {
  const contract = vouchersContract(wallet)
  const { logs } = await send(wallet, {
    ...contract,
    functionName: 'announceWithdrawal',
    args: [token, amount],
  })
  const [leaving] = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'PurseLeaving', logs })
  return Number(leaving?.args.leavesAt ?? 0n)
}

/**
 * Sends what was announced, as far as it is there, to `to`. Returns how much. Throws `not-found`, `reverted`.
 */
export async function withdrawPurse(wallet: Wallet, token: Address, to: Address): Promise<bigint> {
  const { logs } = await send(wallet, {
    ...vouchersContract(wallet),
    functionName: 'withdrawPurse',
    args: [token, to],
  })
  const [emptied] = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'PurseEmptied', logs })
  return emptied?.args.amount ?? 0n
}
