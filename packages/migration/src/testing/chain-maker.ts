import { bytesToHex, concat, type Hex, hexToBytes, stringToBytes } from 'viem'
import * as items from '../pallets/items.ts'
import { hashHeader } from '../state/header.ts'
import { keyOf, placeOf, type StorageMap, type StorageValue } from '../state/items.ts'
import { MemoryState } from '../state/memory-state.ts'
import { stateRootOf } from '../state/verify.ts'

/** What the made-up chain has after its last block. */
export interface MadeChain {
  state: MemoryState
  pairs: [key: Uint8Array, value: Uint8Array][]
  header: Parameters<typeof hashHeader>[0]
  blockHash: Hex
}

const HASH = (digit: string): Hex => `0x${digit.repeat(64)}`

/** Makes the state of a chain, in the shapes that the real ones have. */
export class ChainMaker {
  readonly block: number
  /** Unix seconds. */
  readonly time: number
  private readonly values = new Map<Hex, Uint8Array>()
  private readonly balances = new Map<Hex, { nonce: number; free: bigint; reserved: bigint }>()
  private readonly wrapped = new Map<Hex, bigint>()
  private readonly nextNft = new Map<number, number>()

  constructor({ block = 9_064_613, time = 1_750_000_000, name = 'phala' } = {}) {
    this.block = block
    this.time = time
    this.value(items.LAST_RUNTIME_UPGRADE, { specVersion: 1290, specName: name })
    this.value(items.BLOCK_NUMBER, block)
    this.value(items.NOW, BigInt(time) * 1000n + 123n)
    // What a chain has besides: its code, and values that are in no map that is counted.
    this.raw(stringToBytes(':code'), new Uint8Array(5_000).fill(7))
    this.raw(placeOf({ pallet: 'Democracy', item: 'LowestUnbaked' }), new Uint8Array(4))
  }

  value<T>(item: StorageValue<T>, value: T): void {
    this.raw(placeOf(item), item.value.enc(value))
  }

  entry<Keys extends readonly unknown[], T>(
    map: StorageMap<Keys, T>,
    keys: NoInfer<Keys>,
    value: NoInfer<T>,
  ): void {
    this.raw(keyOf(map, keys), map.value.enc(value))
  }

  raw(key: Uint8Array, value: Uint8Array): void {
    this.values.set(bytesToHex(key), value)
  }

  /** Adds to what an account has. Accounts that signed something have a nonce. */
  pay(
    account: Hex,
    { free = 0n, reserved = 0n, nonce }: { free?: bigint; reserved?: bigint; nonce?: number },
  ): void {
    const before = this.balances.get(account) ?? { nonce: 0, free: 0n, reserved: 0n }
    this.balances.set(account, {
      nonce: nonce ?? before.nonce,
      free: before.free + free,
      reserved: before.reserved + reserved,
    })
  }

  /** Gives an account W-PHA, and the account behind it as much PHA. */
  wrap(account: Hex, amount: bigint): void {
    this.wrapped.set(account, (this.wrapped.get(account) ?? 0n) + amount)
    this.pay(items.WRAPPING_ACCOUNT, { free: amount })
  }

  /** Mints a share of a pool, of the pallet's account where it is queued. Returns the NFT. */
  share(collection: number, owner: Hex, shares: bigint): number {
    const nft = this.nextNft.get(collection) ?? 0
    this.nextNft.set(collection, nft + 1)
    this.entry(items.NFT, [collection, nft], { owner, approved: undefined, isFrozen: false, deposit: 0n })
    // Some are as older runtimes wrote them.
    const more = nft % 2 === 0 ? new Uint8Array() : new Uint8Array(16).fill(1)
    this.property(collection, nft, 'stake-info', concat([items.SHARES.enc(shares), more]))
    this.property(collection, nft, 'createtime', stringToBytes('1700000000'))
    return nft
  }

  /** The state with what was given; `unissued` was issued and is in no account. */
  make(unissued = 0n): MadeChain {
    let issuance = unissued
    for (const [account, { nonce, free, reserved }] of this.balances) {
      issuance += free + reserved
      const rest = { consumers: 0, providers: 1, sufficients: 0, frozen: 0n, flags: 1n << 127n }
      this.entry(items.ACCOUNT, [account], { nonce, free, reserved, ...rest })
    }
    this.value(items.TOTAL_ISSUANCE, issuance)
    for (const [account, balance] of this.wrapped)
      this.entry(items.ASSET_ACCOUNT, [items.WRAPPED_ASSET, account], {
        balance,
        status: 0,
        reason: { type: 'Sufficient', value: undefined },
      })
    const pairs = [...this.values].map(([key, value]) => [hexToBytes(key), value] as [Uint8Array, Uint8Array])
    const state = new MemoryState(pairs)
    const header = {
      parentHash: HASH('1'),
      number: `0x${this.block.toString(16)}`,
      stateRoot: stateRootOf(state, 0),
      extrinsicsRoot: HASH('2'),
      digest: { logs: ['0x0661757261200011223344556677'] },
    } as const
    const made = { ...header, digest: { logs: [...header.digest.logs] } } as MadeChain['header']
    return {
      state,
      pairs: [...state.entries(new Uint8Array())] as MadeChain['pairs'],
      header: made,
      blockHash: hashHeader(made),
    }
  }

  private property(collection: number, nft: number, name: string, value: Uint8Array): void {
    this.entry(items.PROPERTIES, [collection, nft, stringToBytes(name)], value)
  }
}
