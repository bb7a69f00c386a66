import { closeLease, getLease, MARKET_ABI, topUpLease } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Hex, parseEventLogs } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { findLease } from './lease.ts'

/** What a lease cost and what came back. Base units of its token. */
export interface Closed {
  lease: Hex
  spent: bigint
  refund: bigint
  token: Hex
  transaction: Hex
}

/** Ends a lease; what is left of its balance is back in the tenant's account with the same transaction. */
export async function close(cloister: Cloister, key: string): Promise<Closed> {
  const wallet = walletOf(cloister)
  const record = await findLease(cloister, key)
  if ((await getLease(wallet, record.lease)).state !== 'open') throw new CloisterError('not-found', `The lease ${record.shortId} is closed already.`)
  if (record.tenant !== wallet.account.address)
    throw new CloisterError('forbidden', `Only its tenant, ${record.tenant}, can close the lease ${record.shortId}.`, {
      hint: 'Name its account with --account.',
    })
  const receipt = await closeLease(wallet, record.lease)
  const [closed] = parseEventLogs({ abi: MARKET_ABI, eventName: 'LeaseClosed', logs: receipt.logs })
  const { spent } = await getLease(wallet, record.lease)
  return { lease: record.lease, spent, refund: closed?.args.refund ?? 0n, token: record.token, transaction: receipt.transactionHash }
}

/** Adds money to a lease. Anybody may; it never comes back to anyone but the tenant. */
export async function topUp(cloister: Cloister, key: string, amount: bigint): Promise<{ lease: Hex; amount: bigint; balance: bigint; transaction: Hex }> {
  const wallet = walletOf(cloister)
  const record = await findLease(cloister, key)
  const receipt = await topUpLease(wallet, record.lease, record.token, amount)
  const { balance } = await getLease(wallet, record.lease)
  return { lease: record.lease, amount, balance, transaction: receipt.transactionHash }
}
