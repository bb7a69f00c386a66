import { CloisterError } from '@cloister/core'
import {
  type Abi,
  type Address,
  hexToSignature,
  maxUint256,
  parseEventLogs,
  stringToHex,
  type TransactionReceipt,
} from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { EMISSION_ABI, STAKE_ABI } from '../../generated/abis.ts'
import { findToken } from '../../network.ts'
import { send } from '../send.ts'
import { signPermit } from '../token.ts'

/** Errors of Emission come through Stake. */
const POOL_ABI = [...STAKE_ABI, ...EMISSION_ABI.filter(({ type }) => type === 'error')] as const satisfies Abi

/** A pool that wasn't settled for three weeks takes about a million gas to claim in. */
const CLAIMS_AT_ONCE = 20

function stake({ network }: Chain) {
  return { address: network.contracts.stake, abi: POOL_ABI } as const
}

/** A pool as Stake.sol keeps it: base units of CLOI, shares, instants in Unix seconds. */
export function getPool(chain: Chain, provider: Address) {
  return chain.client.readContract({ ...stake(chain), functionName: 'poolOf', args: [provider] })
}

/**
 * An account's shares of a pool and what they are worth, in base units of CLOI.
 *
 * @example
 * ```ts
 * import { stake } from '@cloister/sdk'
 *
 * const { shares, worth } = await stake.getPosition(cloister.chain, provider, account.address)
 * ```
 */
export async function getPosition(
  chain: Chain,
  provider: Address,
  account: Address,
): Promise<{ shares: bigint; worth: bigint }> {
  const [shares, worth] = await chain.client.readContract({
    ...stake(chain),
    functionName: 'positionOf',
    args: [provider, account],
  })
  return { shares, worth }
}

/**
 * What an account could claim in a pool just now, in base units of CLOI. Nothing is sent.
 *
 * @example
 * ```ts
 * import { stake } from '@cloister/sdk'
 *
 * const amount = await stake.getClaimable(cloister.chain, provider, account.address)
 * ```
 */
export async function getClaimable(chain: Chain, provider: Address, account: Address): Promise<bigint> {
  const { result } = await chain.client.simulateContract({
    ...stake(chain),
    functionName: 'claimReward',
    args: [provider, account],
    account,
  })
  return result
}

/** Base units of CLOI that a GPU of a class needs in its provider's pool, now. */
export function getCollateralPerGpu(chain: Chain, gpuClass: string): Promise<bigint> {
  return chain.client.readContract({
    ...stake(chain),
    functionName: 'collateralPerGpu',
    args: [stringToHex(gpuClass, { size: 32 })],
  })
}

/** Tenths of an H100 that a GPU of a class weighs; 0 for classes that earn nothing. */
export async function getClassWeight({ client, network }: Chain, gpuClass: string): Promise<number> {
  const args = [stringToHex(gpuClass, { size: 32 })] as const
  return Number(
    await client.readContract({
      address: network.contracts.emission,
      abi: EMISSION_ABI,
      functionName: 'classWeight',
      args,
    }),
  )
}

/** What is locked for a worker, in base units of CLOI. */
export function getLockedFor(chain: Chain, worker: Address): Promise<bigint> {
  return chain.client.readContract({ ...stake(chain), functionName: 'lockedFor', args: [worker] })
}

/** What a worker's GPUs weigh, in tenths of an H100, and the epochs that they were counted for last. */
export function getStanding(chain: Chain, worker: Address) {
  return chain.client.readContract({
    address: chain.network.contracts.emission,
    abi: EMISSION_ABI,
    functionName: 'standingOf',
    args: [worker],
  })
}

/**
 * Puts `amount` base units of CLOI into a provider's pool, in one transaction. Returns the shares. Throws
 * `reverted`.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const { shares } = await stake.delegate(walletOf(cloister), provider, 100n * 10n ** 18n)
 * ```
 */
export async function delegate(
  wallet: Wallet,
  provider: Address,
  amount: bigint,
): Promise<{ shares: bigint; receipt: TransactionReceipt }> {
  const token = findToken(wallet.network, 'CLOI').address
  const signature = await signPermit(wallet, token, wallet.network.contracts.stake, amount)
  const receipt = await settledFirst(wallet, provider, () => {
    if (signature === undefined)
      return send(wallet, { ...stake(wallet), functionName: 'delegate', args: [provider, amount] })
    const { r, s, v = 27n } = hexToSignature(signature)
    return send(wallet, {
      ...stake(wallet),
      functionName: 'delegateWithPermit',
      args: [provider, amount, maxUint256, Number(v), r, s],
    })
  })
  const [log] = parseEventLogs({ abi: STAKE_ABI, eventName: 'Delegated', logs: receipt.logs })
  return { shares: log?.args.shares ?? 0n, receipt }
}

/**
 * Begins to leave a pool with some shares. Returns the exit's id, what it is worth in base units of CLOI, and
 * when it is ready, Unix seconds. Throws `reverted`.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const { shares } = await stake.getPosition(cloister.chain, provider, account.address)
 * const { id, readyAt } = await stake.requestExit(walletOf(cloister), provider, shares)
 * console.log(id, new Date(readyAt * 1000))
 * ```
 */
export async function requestExit(
  wallet: Wallet,
  provider: Address,
  shares: bigint,
): Promise<{ id: bigint; amount: bigint; readyAt: number }> {
  const { logs } = await settledFirst(wallet, provider, () =>
    send(wallet, { ...stake(wallet), functionName: 'requestExit', args: [provider, shares] }),
  )
  const [log] = parseEventLogs({ abi: STAKE_ABI, eventName: 'ExitRequested', logs })
  if (!log) throw new CloisterError('reverted', 'The chain says nothing of the exit.')
  return { id: log.args.id, amount: log.args.amount, readyAt: Number(log.args.readyAt) }
}

/**
 * Turns an exit back into active stake. Throws `reverted`.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * await stake.cancelExit(walletOf(cloister), 3n)
 * ```
 */
export async function cancelExit(wallet: Wallet, id: bigint): Promise<TransactionReceipt> {
  const { provider } = await wallet.client.readContract({
    ...stake(wallet),
    functionName: 'exitOf',
    args: [id],
  })
  return settledFirst(wallet, provider, () =>
    send(wallet, { ...stake(wallet), functionName: 'cancelExit', args: [id] }),
  )
}

/**
 * Takes out an exit that is ready. Returns the amount in base units of CLOI. Throws `reverted`.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const amount = await stake.withdrawExit(walletOf(cloister), 3n)
 * ```
 */
export async function withdrawExit(wallet: Wallet, id: bigint): Promise<bigint> {
  const { logs } = await send(wallet, { ...stake(wallet), functionName: 'withdraw', args: [id] })
  return parseEventLogs({ abi: STAKE_ABI, eventName: 'ExitWithdrawn', logs })[0]?.args.amount ?? 0n
}

/**
 * Moves shares from one pool to another without the waiting time. Throws `reverted`.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const other = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'
 * const { shares } = await stake.getPosition(cloister.chain, provider, account.address)
 * await stake.redelegate(walletOf(cloister), provider, other, shares)
 * ```
 */
export function redelegate(
  wallet: Wallet,
  from: Address,
  to: Address,
  shares: bigint,
): Promise<TransactionReceipt> {
  return settledFirst(wallet, from, () =>
    settledFirst(wallet, to, () =>
      send(wallet, { ...stake(wallet), functionName: 'redelegate', args: [from, to, shares] }),
    ),
  )
}

/**
 * Pays out rewards of several pools, to whom they belong; anybody may. In one transaction, or as many as
 * blocks have room for. Returns the sum, in base units of CLOI. Throws `reverted`.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const sum = await stake.claimRewards(walletOf(cloister), [{ provider, account: account.address }])
 * ```
 */
export async function claimRewards(
  wallet: Wallet,
  positions: { provider: Address; account: Address }[],
): Promise<bigint> {
  let sum = 0n
  for (let from = 0; from < positions.length; from += CLAIMS_AT_ONCE) {
    const some = positions.slice(from, from + CLAIMS_AT_ONCE)
    const args = [some.map(({ provider }) => provider), some.map(({ account }) => account)] as const
    const { logs } = await send(wallet, { ...stake(wallet), functionName: 'claimRewards', args })
    for (const log of parseEventLogs({ abi: STAKE_ABI, eventName: 'RewardClaimed', logs }))
      sum += log.args.amount
  }
  return sum
}

/**
 * Sets the commission of the wallet's own pool, in hundredths of a percent; a higher one holds after a week.
 * Throws `reverted`.
 *
 * @example
 * ```ts
 * import { setCommission, walletOf } from '@cloister/sdk'
 *
 * await setCommission(walletOf(cloister), 750)
 * ```
 */
export function setCommission(wallet: Wallet, bps: number): Promise<TransactionReceipt> {
  return settledFirst(wallet, wallet.account.address, () =>
    send(wallet, { ...stake(wallet), functionName: 'setCommission', args: [BigInt(bps)] }),
  )
}

/**
 * Locks the collateral that a worker's confirmed GPUs need, or lets go of what they don't. Throws
 * `reverted`.
 */
export function syncCollateral(wallet: Wallet, worker: Address): Promise<TransactionReceipt> {
  return send(wallet, { ...stake(wallet), functionName: 'syncCollateral', args: [worker] })
}

/**
 * Does something that needs a pool up to date, after bringing it there where that takes transactions of its
 * own.
 */
async function settledFirst<T>(wallet: Wallet, provider: Address, act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof CloisterError) || error.details['error'] !== 'UnsettledEpochs') throw error
      await send(wallet, { ...stake(wallet), functionName: 'settle', args: [provider] })
    }
  }
}
