import { CloisterError, decodeLeaseName, encodeLeaseName, leaseIdOf, type SignedBid } from '@cloister/core'
import {
  type Address,
  type Hex,
  hexToSignature,
  isAddressEqual,
  maxUint256,
  parseEventLogs,
  type TransactionReceipt,
  zeroHash,
} from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { MARKET_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { signPermit } from '../token.ts'

/** A lease as the Market keeps it. Amounts in base units of `token`, instants in Unix seconds. */
export interface ChainLease {
  id: Hex
  state: 'none' | 'open' | 'closed' | 'refused'
  tenant: Address
  worker: Address
  tokenIndex: number
  ratePerSecond: bigint
  balance: bigint
  spent: bigint
  settledSeconds: number
  feeBps: number
  /** When the provider may close it; 0 without notice. */
  noticeUntil: number
  /** Minutes of notice that the provider has to give; 0 for the market's notice period. */
  noticeMinutes: number
  /** What it takes of the worker while it is open; see `roomOf`. */
  room: bigint
  manifestHash: Hex
}

const STATES = ['none', 'open', 'closed', 'refused'] as const
const PERMIT_TRIES = 5
export const NO_PERMIT = { value: 0n, deadline: 0n, v: 0, r: zeroHash, s: zeroHash }

/** Reads one lease; its state is `none` where there is none. */
export async function getLease({ client, network }: Chain, id: Hex): Promise<ChainLease> {
  const lease = await client.readContract({
    address: network.contracts.market,
    abi: MARKET_ABI,
    functionName: 'leaseOf',
    args: [id],
  })
  return { ...lease, id, state: STATES[lease.state] ?? 'none' }
}

/**
 * The name that a lease was opened with, out of the transaction that opened it: `my-app`, or `my-app-2` for a
 * replica; undefined where it has none.
 * Rejects where the transaction isn't that one.
 */
export async function nameOfLease(
  { client, network }: Chain,
  id: Hex,
  transaction: Hex,
): Promise<string | undefined> {
  const { logs } = await client.getTransactionReceipt({ hash: transaction })
  const opened = parseEventLogs({ abi: MARKET_ABI, eventName: 'LeaseOpened', logs }).find(
    ({ address, args }) => isAddressEqual(address, network.contracts.market) && args.id === id,
  )
  if (!opened) throw new CloisterError('bad-answer', `That transaction did not open the lease ${id}.`)
  const named = decodeLeaseName(opened.args.name)
  return named && [named.name, named.replica].filter((part) => part !== undefined).join('-')
}

/** Base units earned since the last settlement. */
export function getAccrued({ client, network }: Chain, id: Hex): Promise<bigint> {
  return client.readContract({
    address: network.contracts.market,
    abi: MARKET_ABI,
    functionName: 'accrued',
    args: [id],
  })
}

/** Seconds between a provider's notice and its right to close a lease whose bid said no other. */
export async function getNoticeSeconds({ client, network }: Chain): Promise<number> {
  return Number(
    await client.readContract({
      address: network.contracts.market,
      abi: MARKET_ABI,
      functionName: 'noticePeriod',
    }),
  )
}

/**
 * Takes a bid with one transaction: the allowance comes by permit, signed just before. Returns the lease's
 * id.
 */
export async function openLease(
  wallet: Wallet,
  bid: SignedBid,
  deposit: bigint,
  name?: string,
): Promise<{ id: Hex; receipt: TransactionReceipt }> {
  const { signature, ...terms } = bid
  const receipt = await withPermit(wallet, bid.token, deposit, (permit) =>
    send(wallet, {
      address: wallet.network.contracts.market,
      abi: MARKET_ABI,
      functionName: 'open',
      args: [terms, signature, deposit, encodeLeaseName(name), permit],
    }),
  )
  return { id: leaseIdOf(bid, wallet.network.chainId, wallet.network.contracts.market), receipt }
}

/** A bid that is taken together with others. */
export interface Opening {
  bid: SignedBid
  deposit: bigint
  name?: string | undefined
}

/** Takes several bids in one token with one transaction, all of them or none. */
export function openLeases(wallet: Wallet, openings: readonly Opening[]): Promise<TransactionReceipt> {
  const [first] = openings
  if (!first) throw new CloisterError('internal', 'There is no bid to take.')
  const total = openings.reduce((sum, { deposit }) => sum + deposit, 0n)
  const taken = openings.map(({ bid: { signature, ...bid }, deposit, name }) => ({
    bid,
    signature,
    deposit,
    name: encodeLeaseName(name),
  }))
  return withPermit(wallet, first.bid.token, total, (permit) =>
    send(wallet, {
      address: wallet.network.contracts.market,
      abi: MARKET_ABI,
      functionName: 'openMany',
      args: [taken, permit],
    }),
  )
}

/** Adds `amount` base units to a lease. */
export function topUpLease(
  wallet: Wallet,
  id: Hex,
  token: Address,
  amount: bigint,
): Promise<TransactionReceipt> {
  return withPermit(wallet, token, amount, (permit) => call(wallet, 'topUp', [id, amount, permit]))
}

/** Puts a new manifest's hash on a lease. */
export function updateLease(wallet: Wallet, id: Hex, manifestHash: Hex): Promise<TransactionReceipt> {
  return call(wallet, 'update', [id, manifestHash])
}

/** Settles and closes; what is left is sent to the caller if it is the tenant. */
export function closeLease(wallet: Wallet, id: Hex): Promise<TransactionReceipt> {
  return call(wallet, 'close', [id, wallet.account.address])
}

/** What a tenant has of a lease that ended. Base units of its token. */
export interface Returned {
  /** Sent to its account. */
  sent: bigint
  /** Waits for it in the Market, since the token didn't move; `withdrawCredit` takes it. */
  credited: bigint
}

/** What the transaction that closed a lease gave back, by the Market's own events. */
export function returnedBy(
  { network }: Pick<Chain, 'network'>,
  { logs }: Pick<TransactionReceipt, 'logs'>,
  id: Hex,
): Returned {
  const ours = logs.filter(({ address }) => isAddressEqual(address, network.contracts.market))
  const [closed] = parseEventLogs({ abi: MARKET_ABI, eventName: 'LeaseClosed', logs: ours, args: { id } })
  const [waiting] = parseEventLogs({ abi: MARKET_ABI, eventName: 'Credited', logs: ours, args: { id } })
  const credited = waiting?.args.amount ?? 0n
  return { sent: (closed?.args.refund ?? 0n) - credited, credited }
}

/** What all leases take of a worker; see `roomOf`. */
export function getRoomTaken({ client, network }: Chain, worker: Address): Promise<bigint> {
  return client.readContract({
    address: network.contracts.market,
    abi: MARKET_ABI,
    functionName: 'roomTaken',
    args: [worker],
  })
}

/** Turns down a lease that has earned nothing. Provider or worker. */
export function refuseLease(wallet: Wallet, id: Hex): Promise<TransactionReceipt> {
  return call(wallet, 'refuse', [id])
}

/** Tells the tenant that the lease may be closed once the notice is over. Provider or worker. */
export function giveNotice(wallet: Wallet, id: Hex): Promise<TransactionReceipt> {
  return call(wallet, 'giveNotice', [id])
}

/** Settles many leases in one transaction. */
export function settleLeases(wallet: Wallet, ids: Hex[]): Promise<TransactionReceipt> {
  return call(wallet, 'settleMany', [ids])
}

/** Base units an account may withdraw. */
export function getCredit({ client, network }: Chain, account: Address, token: Address): Promise<bigint> {
  return client.readContract({
    address: network.contracts.market,
    abi: MARKET_ABI,
    functionName: 'credit',
    args: [account, token],
  })
}

/** Sends the caller's credit in `token` to `to`. */
export function withdrawCredit(wallet: Wallet, token: Address, to: Address): Promise<TransactionReceipt> {
  return call(wallet, 'withdraw', [token, to])
}

type Permit = Awaited<ReturnType<typeof permitFor>>

/**
 * Pays with a permit signed just before, for the Market or another `spender`; signs another where one of the
 * same account's was used in between.
 */
export async function withPermit(
  wallet: Wallet,
  token: Address,
  amount: bigint,
  pay: (permit: Permit) => Promise<TransactionReceipt>,
  spender: Address = wallet.network.contracts.market,
): Promise<TransactionReceipt> {
  for (let tries = 1; ; tries++) {
    try {
      return await pay(await permitFor(wallet, token, amount, spender))
    } catch (error) {
      const isUsedUp =
        error instanceof CloisterError && error.details['error'] === 'ERC20InsufficientAllowance'
      if (!isUsedUp || tries === PERMIT_TRIES) throw error
    }
  }
}

async function permitFor(wallet: Wallet, token: Address, amount: bigint, spender: Address) {
  const signature = await signPermit(wallet, token, spender, amount)
  if (!signature) return NO_PERMIT
  const { r, s, yParity } = hexToSignature(signature)
  return { value: amount, deadline: maxUint256, v: 27 + (yParity ?? 0), r, s }
}

function call<
  name extends 'topUp' | 'update' | 'close' | 'refuse' | 'giveNotice' | 'settleMany' | 'withdraw',
>(
  wallet: Wallet,
  functionName: name,
  args: Parameters<typeof send<typeof MARKET_ABI, name>>[1]['args'],
): Promise<TransactionReceipt> {
  return send<typeof MARKET_ABI, name>(wallet, {
    address: wallet.network.contracts.market,
    abi: MARKET_ABI,
    functionName,
    args,
  })
}
