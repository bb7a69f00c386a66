import { EventEmitter } from 'node:events'
import { type Chain, connectChain, Heads, type Network } from '@cloister/chain'
import { loop, messageOf } from '@cloister/core'
import { LastBlock } from '@cloister/operations'
import { asc } from 'drizzle-orm'
import { BlockNotFoundError, type Hex } from 'viem'
import type { Database } from '../database/open.ts'
import { claimFor, lastCheckpoint } from './checkpoint.ts'
import type { Plan } from './plan.ts'
import { readSpan, type Span } from './read.ts'
import { rewind } from './rewind.ts'
import { checkpoint } from './tables.ts'
import { type Changed, writeSpan } from './write.ts'

/** Blocks that are read at first. */
export const FIRST_SPAN = 16n
const SMALLEST_SPAN = 1n
const LARGEST_SPAN = 10_000n
/** Events in a span that are read and written well in one go. */
const COMFORTABLE_EVENTS = 3_000
/** Deeper than any reorganisation of a chain that finalises. */
const CHECKPOINTS_KEPT = 1_000

/** What a block changed, once it is committed. */
export interface Change {
  block: number
  /** The chain went another way: the block is the last one that is common. */
  reorganised: boolean
  /** Subjects whose answers change, by kind. */
  subjects: Changed
}

/** Follows the chain into the database: resumes where it stopped and goes back where the chain does. */
export class Follower {
  /** Emits `change` with a `Change` for every span that is committed. */
  readonly changes = new EventEmitter()
  /** Highest block of the chain, as last heard. */
  head = 0
  /** The chain's newest block, and since when. */
  readonly newest = new LastBlock()
  /** When the last block that was read was made, Unix seconds. */
  time = 0
  private readonly database: Database
  private readonly chain: Chain
  private readonly plan: Plan
  private readonly aborter = new AbortController()
  private readonly warn: (message: string) => void
  /** Hash of the block that reading has come to, as far as this process knows. */
  private lastHash: Hex | undefined
  private span = FIRST_SPAN
  /** The span after the one that is being written, of which the chain was asked already. */
  private ahead: { from: bigint; span: Promise<Span>; isHere: boolean } | undefined
  private widest = LARGEST_SPAN
  private loop: Promise<void> | undefined

  constructor(database: Database, network: Network, plan: Plan, warn: (message: string) => void) {
    this.database = database
    this.plan = plan
    this.chain = connectChain(network)
    this.warn = warn
    this.changes.setMaxListeners(0)
  }

  /** Whether the next span has come while one was written. For tests. */
  get isReadAhead(): boolean {
    return this.ahead?.isHere === true
  }

  start(): void {
    this.loop = this.run()
  }

  async stop(): Promise<void> {
    this.aborter.abort()
    await this.loop
  }

  /** Reads whatever is new, in spans. Returns whether there is more. Public for tests and benchmarks. */
  async step(): Promise<boolean> {
    const { client, network } = this.chain
    const newest = await client.getBlock()
    const head = newest.number
    this.head = Number(head)
    this.newest.hear(this.head)
    // Nothing happened since: the database need not be asked.
    if (newest.hash === this.lastHash) return false
    const last = await this.lastCommon()
    if (last === 'ahead') return false
    const from = last === undefined ? BigInt(network.deployedAt) : BigInt(last) + 1n
    if (from > head) {
      if (last === Number(head)) this.lastHash = newest.hash
      return false
    }
    const { span, isOld } = await this.read(from, head)
    const { to, end, events, blocks } = span
    // Events are the ones of `end` only where that was the chain's block before and after they were read.
    if ((isOld || events.length > 0) && (await client.getBlock({ blockNumber: to })).hash !== end.hash)
      return true
    this.fit(events.length)
    // The chain is asked for what comes next while this is written.
    if (to < head) this.readAhead(to + 1n, head)
    const marks = [...blocks.filter(({ block }) => block < Number(to)), { block: Number(to), hash: end.hash }]
    const keepFrom = Number(head) - CHECKPOINTS_KEPT
    const subjects = await writeSpan(this.database, this.plan, events, marks, keepFrom)
    this.time = Number(end.timestamp)
    this.lastHash = end.hash
    this.tell({ block: Number(to), reorganised: false, subjects })
    return to < head
  }

  /** The span that begins at `from`: what was read ahead, if it does, or else from the chain. */
  private async read(from: bigint, head: bigint): Promise<{ span: Span; isOld: boolean }> {
    const { ahead } = this
    this.ahead = undefined
    if (ahead?.from === from) {
      const span = await ahead.span
      if (span.to <= head) return { span, isOld: true }
    }
    return { span: await readSpan(this.chain, this.plan, from, this.lastOf(from, head)), isOld: false }
  }

  private readAhead(from: bigint, head: bigint): void {
    const span = readSpan(this.chain, this.plan, from, this.lastOf(from, head))
    const ahead = { from, span, isHere: false }
    // Whoever takes it is told of an error.
    span.then(
      () => (ahead.isHere = true),
      () => {},
    )
    this.ahead = ahead
  }

  private lastOf(from: bigint, head: bigint): bigint {
    return head < from + this.span - 1n ? head : from + this.span - 1n
  }

  /** Makes sure the tables are about this chain and these contracts. */
  async claim(): Promise<void> {
    const { client, network } = this.chain
    const first = await client.getBlock({ blockNumber: BigInt(network.deployedAt) })
    const identity = `${network.chainId}/${first.hash}/${this.plan.identity}`
    await claimFor(this.database, this.plan, identity)
  }

  private async run(): Promise<void> {
    const { signal } = this.aborter
    const heads = new Heads(this.chain.network)
    let claimed = false
    let quiet = true
    await loop(signal, async () => {
      const looked = heads.seen
      try {
        if (!claimed) await this.claim()
        claimed = true
        quiet = true
        if (await this.step()) return 0
      } catch (error) {
        // A node may refuse a long span of blocks, or one with too many events in it.
        if (this.span > SMALLEST_SPAN) {
          this.narrow()
          return 0
        }
        if (quiet && !signal.aborted)
          this.warn(`the index can not follow the chain and will try again: ${messageOf(error)}`)
        quiet = false
      }
      await heads.after(looked, signal)
      return 0
    })
    heads.close()
  }

  /** Half the span; twice as much is not tried again soon. */
  private narrow(): void {
    this.span = this.span / 2n || SMALLEST_SPAN
    this.widest = this.span
  }

  /** Longer spans where little happens, shorter ones where much does. */
  private fit(events: number): void {
    if (events > COMFORTABLE_EVENTS) this.span = this.span / 2n || SMALLEST_SPAN
    else if (events < COMFORTABLE_EVENTS / 2) {
      if (this.span * 2n <= this.widest) this.span *= 2n
      // In quieter parts of the chain more may be possible again.
      else if (this.widest < LARGEST_SPAN) this.widest += this.widest / 8n || 1n
    }
  }

  /**
   * The highest checkpoint that is on the chain; goes back to it if it is not the last one. `ahead` where
   * the node doesn't know the last one yet. Only a block with another hash at the same height proves that
   * the chain went another way: a node that refuses to answer or lags behind proves nothing, and the tables
   * stay as they are.
   */
  private async lastCommon(): Promise<number | 'ahead' | undefined> {
    const last = await lastCheckpoint(this.database)
    if (!last) return undefined
    const at = await this.compare(last)
    if (at === 'same') return last.block
    const all = await this.database.select().from(checkpoint).orderBy(asc(checkpoint.block))
    let differing = at === 'other' ? all.length - 1 : all.findLastIndex(({ block }) => block <= this.head)
    if (differing < 0 || (at === 'unknown' && (await this.compare(all[differing])) !== 'other'))
      return 'ahead'
    // What is below a common block is common. `same` is the highest known to be so, -1 for none.
    let same = -1
    while (differing - same > 1) {
      const middle = Math.floor((same + differing) / 2)
      const found = await this.compare(all[middle])
      if (found === 'unknown') return 'ahead'
      if (found === 'same') same = middle
      else differing = middle
    }
    const common = all[same]
    const to = common?.block ?? this.chain.network.deployedAt - 1
    const subjects = await rewind(this.database, this.plan, to)
    this.tell({ block: to, reorganised: true, subjects })
    return common?.block
  }

  /** What the node has at a checkpoint's height. Throws what the node answers instead. */
  private async compare(
    mark: { block: number; hash: string } | undefined,
  ): Promise<'same' | 'other' | 'unknown'> {
    if (!mark) return 'unknown'
    try {
      const { hash } = await this.chain.client.getBlock({ blockNumber: BigInt(mark.block) })
      return hash === mark.hash ? 'same' : 'other'
    } catch (error) {
      if (error instanceof BlockNotFoundError) return 'unknown'
      throw error
    }
  }

  private tell(change: Change): void {
    this.changes.emit('change', change)
  }
}
