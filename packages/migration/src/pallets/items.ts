// Where the old chain keeps what accounts own: names and shapes as the runtimes of Khala and Phala have them
// (Phala-Network/khala-parachain, spec version 1290, on polkadot-sdk release-polkadot-v1.2.0).
import {
  _void,
  Bytes,
  bool,
  type Codec,
  compactNumber,
  Option,
  Struct,
  str,
  Tuple,
  u8,
  u32,
  u64,
  u128,
  Variant,
  Vector,
} from '@polkadot-api/substrate-bindings'
import type { Hex } from 'viem'
import type { LegacyAccount } from '../account.ts'
import { bytes32 } from '../state/decode.ts'
import { BLAKE2_128, type Hasher, type StorageMap, type StorageValue, TWOX64 } from '../state/items.ts'

const account: Codec<LegacyAccount> = bytes32

function value<T>(pallet: string, item: string, codec: Codec<T>): StorageValue<T> {
  return { pallet, item, value: codec }
}

function map<K, T>(pallet: string, item: string, hasher: Hasher, key: Codec<K>, codec: Codec<T>) {
  return { pallet, item, keys: [{ hasher, codec: key }], value: codec } as StorageMap<[K], T>
}

/** frame-system, LastRuntimeUpgradeInfo: which runtime wrote the state. */
export const LAST_RUNTIME_UPGRADE = value(
  'System',
  'LastRuntimeUpgrade',
  Struct({ specVersion: compactNumber, specName: str }),
)
export const BLOCK_NUMBER = value('System', 'Number', u32)
/** pallet-timestamp, Unix milliseconds. */
export const NOW = value('Timestamp', 'Now', u64)

/**
 * frame-system, AccountInfo with pallet-balances' AccountData. What is frozen is part of what is free. The
 * last two words changed their names, and not their size, with holds and freezes.
 */
export const ACCOUNT = map(
  'System',
  'Account',
  BLAKE2_128,
  account,
  Struct({
    nonce: u32,
    consumers: u32,
    providers: u32,
    sufficients: u32,
    free: u128,
    reserved: u128,
    frozen: u128,
    flags: u128,
  }),
)
export const TOTAL_ISSUANCE = value('Balances', 'TotalIssuance', u128)

/** pallet-vesting: what of an account's free balance is locked, and how much of it each block unlocks. */
export const VESTING = map(
  'Vesting',
  'Vesting',
  BLAKE2_128,
  account,
  Vector(Struct({ locked: u128, perBlock: u128, startingBlock: u32 })),
)

/** pallet-proxy: who may act for an account, with what rights, and the deposit for that. */
export const PROXIES = map(
  'Proxy',
  'Proxies',
  TWOX64,
  account,
  Tuple(Vector(Struct({ delegate: account, type: u8, delay: u32 })), u128),
)

/** pallet-assets. */
export const ASSET_ACCOUNT: StorageMap<[number, LegacyAccount], AssetAccount> = {
  pallet: 'Assets',
  item: 'Account',
  keys: [
    { hasher: BLAKE2_128, codec: u32 },
    { hasher: BLAKE2_128, codec: account },
  ],
  value: Struct({
    balance: u128,
    status: u8,
    reason: Variant({
      Consumer: _void,
      Sufficient: _void,
      DepositHeld: u128,
      DepositRefunded: _void,
      DepositFrom: Tuple(account, u128),
    }) as Codec<unknown>,
  }),
}

interface AssetAccount {
  balance: bigint
  status: number
  reason: unknown
}

const basePool = Struct({
  pid: u64,
  owner: account,
  totalShares: u128,
  totalValue: u128,
  withdrawQueue: Vector(Struct({ user: account, startTime: u64, nft: u32 })),
  valueSubscribers: Vector(u64),
  collection: u32,
  account,
})

/** phala-pallets, compute: pool_proxy.rs. */
export const POOLS = map(
  'PhalaBasePool',
  'Pools',
  TWOX64,
  u64,
  Variant({
    StakePool: Struct({
      base: basePool,
      payoutCommission: Option(u32),
      cap: Option(u128),
      workers: Vector(bytes32),
      computingWorkers: Vector(bytes32),
      lockAccount: account,
      ownerRewardAccount: account,
    }),
    Vault: Struct({
      base: basePool,
      lastSharePrice: u128,
      commission: Option(u32),
      ownerShares: u128,
      investPools: Vector(u64),
    }),
  }),
)

/** What the computing pallet still owes, by account and pool (stake_pool_v2.rs, base_pool.rs). */
const owed = (pallet: string, item: string) =>
  map(pallet, item, TWOX64, Tuple(account, u64) as Codec<[LegacyAccount, bigint]>, u128)
export const LEGACY_REWARDS = owed('PhalaStakePoolv2', 'LegacyRewards')
export const REIMBURSEMENTS = owed('PhalaBasePool', 'Reimbursements')

/** Accounts of workers in pools (stake_pool_v2.rs). */
export const SUB_ACCOUNTS = map(
  'PhalaStakePoolv2',
  'SubAccountPreimages',
  TWOX64,
  account,
  Tuple(u64, bytes32) as Codec<[bigint, Hex]>,
)

/** rmrk-core: properties of collections and of their NFTs; a contribution's shares are one. */
export const PROPERTIES: StorageMap<[number, number | undefined, Uint8Array], Uint8Array> = {
  pallet: 'RmrkCore',
  item: 'Properties',
  keys: [
    { hasher: BLAKE2_128, codec: u32 },
    { hasher: BLAKE2_128, codec: Option(u32) },
    { hasher: BLAKE2_128, codec: Bytes() },
  ],
  value: Bytes(),
}
/** base_pool.rs, NftAttr. */
export const SHARES: Codec<bigint> = u128

/** pallet-uniques: whose an NFT is. */
export const NFT: StorageMap<[number, number], Nft> = {
  pallet: 'Uniques',
  item: 'Asset',
  keys: [
    { hasher: BLAKE2_128, codec: u32 },
    { hasher: BLAKE2_128, codec: u32 },
  ],
  value: Struct({
    owner: account,
    approved: Option(account),
    isFrozen: bool,
    deposit: u128,
  }),
}

interface Nft {
  owner: LegacyAccount
  approved: LegacyAccount | undefined
  isFrozen: boolean
  deposit: bigint
}

/** Known accounts of the chain's own, by the texts they begin with (zeros behind them). */
export const WRAPPING_ACCOUNT = named('wpha/')
export const POOLS_ACCOUNT = named('basepool')
export const COMPUTING_ACCOUNT = named('modlphala/pp')
export const WRAPPED_ASSET = 10_000

function named(text: string): LegacyAccount {
  const digits = [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('')
  return `0x${digits.padEnd(64, '0')}`
}
