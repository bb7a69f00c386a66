import { stringToBytes } from 'viem'
import type { LegacyAccount } from '../account.ts'
import { type ChainState, compareKeys } from '../state/chain-state.ts'
import { decodeWhole } from '../state/decode.ts'
import { readMap } from '../state/items.ts'
import { NFT, POOLS, POOLS_ACCOUNT, PROPERTIES, SHARES } from './items.ts'

/** A part of a pool: who it counts for, and whether they had asked for it back. */
interface Share {
  nft: number
  /** Undefined where the chain doesn't say whose it is. */
  account: LegacyAccount | undefined
  shares: bigint
  isQueued: boolean
}

/** A stake pool or a vault. Amounts in the old chain's units. */
export interface Pool {
  pid: bigint
  kind: 'stake pool' | 'vault'
  owner: LegacyAccount
  totalShares: bigint
  /** What the chain reckons all shares to be worth. */
  totalValue: bigint
  /** Holds what no worker has taken, and of a vault its shares of stake pools. */
  account: LegacyAccount
  /** Holds what workers have taken. Stake pools alone. */
  lockAccount: LegacyAccount | undefined
  /** Holds the owner's commission. Stake pools alone. */
  rewardAccount: LegacyAccount | undefined
  /** The owner's commission in shares. Vaults alone; 0 elsewhere. */
  ownerShares: bigint
  shares: Share[]
}

const STAKE_INFO = stringToBytes('stake-info')
const SHARES_BYTES = 16

/** All pools with their shares; stake pools first: vaults hold shares of theirs. Throws `unsupported`. */
export function readPools(state: ChainState): Pool[] {
  const shares = readShares(state)
  const pools = [...readMap(state, POOLS)].map(([[pid], { type, value }]): Pool => {
    const { base } = value
    const queued = new Map(base.withdrawQueue.map(({ nft, user }) => [nft, user]))
    const ofPool = (shares.get(base.collection) ?? []).map(({ nft, owner, shares: count }): Share => {
      const isQueued = owner === POOLS_ACCOUNT
      return { nft, account: isQueued ? queued.get(nft) : owner, shares: count, isQueued }
    })
    const isStakePool = type === 'StakePool'
    return {
      pid,
      kind: isStakePool ? 'stake pool' : 'vault',
      owner: base.owner,
      totalShares: base.totalShares,
      totalValue: base.totalValue,
      account: base.account,
      lockAccount: isStakePool ? value.lockAccount : undefined,
      rewardAccount: isStakePool ? value.ownerRewardAccount : undefined,
      ownerShares: isStakePool ? 0n : value.ownerShares,
      shares: ofPool.sort((one, other) => one.nft - other.nft),
    }
  })
  return pools.sort((one, other) =>
    one.kind === other.kind ? (one.pid < other.pid ? -1 : 1) : one.kind === 'stake pool' ? -1 : 1,
  )
}

function readShares(state: ChainState) {
  const owners = new Map<string, LegacyAccount>()
  for (const [[collection, nft], { owner }] of readMap(state, NFT)) owners.set(`${collection} ${nft}`, owner)
  const found = new Map<number, { nft: number; owner: LegacyAccount | undefined; shares: bigint }[]>()
  for (const [[collection, nft, name], value] of readMap(state, PROPERTIES)) {
    if (nft === undefined || compareKeys(name, STAKE_INFO) !== 0) continue
    // The chain reads what it knows, too: older runtimes wrote more behind it.
    const attribute = value.subarray(0, SHARES_BYTES)
    const what = `The property stake-info of ${collection}/${nft}`
    const one = {
      nft,
      owner: owners.get(`${collection} ${nft}`),
      shares: decodeWhole(SHARES, attribute, what),
    }
    const others = found.get(collection)
    if (others) others.push(one)
    else found.set(collection, [one])
  }
  return found
}
