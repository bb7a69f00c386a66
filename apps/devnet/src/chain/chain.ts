import { EventEmitter } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, messageOf } from '@cloister/core'
import { type Hex, keccak256 } from 'viem'
import { Engine, RpcError } from './engine.ts'
import {
  type Head,
  Journal,
  type MinedBlock,
  quantity,
  type RpcBlock,
  type RpcReceipt,
  type RpcTransaction,
} from './journal.ts'
import { ALONE, type ChainKind } from './kind.ts'
import { takeSnapshot } from './snapshot.ts'

/** How often a block is made and an engine is renewed. */
export interface Pace {
  /** Milliseconds without a transaction after which an empty block is made. */
  heartbeatMs: number
  /**
   * Blocks that an engine makes before a snapshot of it is taken. anvil's cost of a block grows with their
   * number.
   */
  engineBlocks: number
  /**
   * Blocks a snapshot lies behind when it is put to use: more than contracts can ask hashes of, which a
   * snapshot doesn't hold.
   */
  depth: number
  /**
   * Seconds that a new chain begins behind the clock. While it is behind, a block that has transactions is
   * made at once and is a second younger than its parent; a block without any is made at the clock's time,
   * and from then on the chain goes by the clock. Endorsements of a development network are issued a minute
   * before they are served, so that such a block takes them.
   */
  headStart: number
}

const USUAL_PACE: Pace = { heartbeatMs: 10_000, engineBlocks: 600, depth: 260, headStart: 12 }

/** So many snapshots lie on the way to the depth at which one is put to use. */
const APART = 4
/** Snapshots that are tried, at the most, before the one that was put to use last is. */
const MOST_TRIED = 2

/** Milliseconds that a block waits for another transaction, since some send several, and for all of them. */
const GATHERING_MS = 40
const LONGEST_GATHERING_MS = 400

const BLOCKS_AT_ONCE = 50
const RETRY_MS = 500

export interface ChainSettings {
  /** Keeps the journal and the snapshot. */
  folder: string
  /** The network's chain alone, if not given. */
  kind?: ChainKind
  pace?: Pace
  /** Unix seconds; for tests that live through days in minutes. */
  now?: () => number
  warn: (message: string) => void
}

/**
 * The embedded network's chain. The journal remembers; an engine (anvil) holds the present state and
 * computes. A block is made as soon as transactions have come, a second younger than its parent at least,
 * or as a heartbeat. A block is in the journal, and on disk, before anybody is told of it, and a
 * transaction before its sender hears its hash. An engine that died is replaced by another that is given
 * the journal's blocks since the last snapshot again: the same transactions at the same times make the
 * same hashes.
 */
export class JournaledChain {
  readonly journal: Journal
  /** Emits `block` with each new head. */
  readonly blocks = new EventEmitter<{ block: [Head] }>()
  private readonly settings: ChainSettings & { pace: Pace }
  readonly kind: ChainKind
  private readonly genesisTime: number
  private engine: Engine | undefined
  /** Resolves once there is an engine that has everything. */
  private ready: Promise<void> = Promise.resolve()
  /** Number of the block that the engine was started from. */
  private engineFrom = 0
  /**
   * Blocks of snapshots that nobody knows yet to lead to the same blocks, oldest first. They outlive a stop.
   */
  private candidates: number[] = []
  private rotating: Promise<void> = Promise.resolve()
  private isRotating = false
  private last: Head
  /** Seconds that a chain which was just begun is behind the clock yet. */
  private behind = 0
  /** Transactions that wait for another that nobody sent yet, so that no block is made for them. */
  private stuck = 0
  /** Transactions on their way to an engine. */
  private underWay = 0
  /** Transactions that were ever sent. */
  private sent = 0
  /** When the first of the transactions came that the next block takes; of `performance.now`. */
  private gatheringSince: number | undefined
  private turn: Promise<unknown> = Promise.resolve()
  private timer: NodeJS.Timeout | undefined
  private stopped = false

  private constructor(settings: ChainSettings & { pace: Pace }, journal: Journal) {
    this.settings = settings
    this.kind = settings.kind ?? ALONE
    this.journal = journal
    this.blocks.setMaxListeners(0)
    const head = journal.head()
    if (!head) this.behind = settings.pace.headStart
    this.genesisTime = Number(journal.block(0, false)?.timestamp ?? this.now())
    this.last = head ?? { number: 0, hash: '0x', time: this.genesisTime }
  }

  /**
   * Opens the chain in a folder, or begins one. Throws `bad-state` where what was journaled can't be had
   * again.
   */
  static async open(settings: ChainSettings): Promise<JournaledChain> {
    mkdirSync(settings.folder, { recursive: true })
    Engine.endLeftovers(settings.folder)
    const journal = new Journal(join(settings.folder, 'journal.db'))
    const chain = new JournaledChain({ ...settings, pace: settings.pace ?? USUAL_PACE }, journal)
    chain.findCandidates()
    chain.forgetSnapshots()
    try {
      await chain.revive()
    } catch (error) {
      journal.close()
      throw error
    }
    chain.schedule()
    return chain
  }

  /** The last block. */
  get head(): Head {
    return this.last
  }

  /** Process id of the engine. */
  get enginePid(): number | undefined {
    return this.engine?.pid
  }

  /** Unix seconds: the time that a block made now has, unless its parent is as young. */
  now(): number {
    return (this.settings.now ?? wallClock)() + Number(this.journal.meta('ahead') ?? 0) - this.behind
  }

  /**
   * Moves the chain's clock ahead from the next block on, which is made at once where a heartbeat is due by
   * then. Returns by how much it is ahead altogether, seconds.
   */
  advance(seconds: number): number {
    if (!Number.isSafeInteger(seconds) || seconds < 0)
      throw new RpcError({ code: -32602, message: 'time goes forward by whole seconds only' })
    const ahead = Number(this.journal.meta('ahead') ?? 0) + seconds
    this.journal.setMeta('ahead', String(ahead))
    this.behind = 0
    this.schedule()
    return ahead
  }

  /** Asks the engine about the present state, as soon as there is one that has all of it. */
  async ask<T>(method: string, params: unknown[]): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      await this.ready
      await this.turn
      try {
        return await this.alive().rpc<T>(method, ...params)
      } catch (error) {
        // What only reads may be asked again of the next engine.
        if (error instanceof RpcError || attempt === 3 || this.stopped) throw error
        await delay(RETRY_MS)
      }
    }
  }

  /**
   * Takes a signed transaction. When its hash is returned it is on disk and gets into a block. Throws
   * RpcError where it can't.
   */
  async send(raw: Hex): Promise<Hex> {
    const hash = keccak256(raw)
    if (this.journal.knows(hash)) return hash
    this.journal.addPending(hash, raw)
    this.sent++
    this.underWay++
    try {
      await this.ready
      await this.alive().rpc('eth_sendRawTransaction', raw)
    } catch (error) {
      if (error instanceof RpcError) {
        // An engine that took over meanwhile may have been given it already.
        if (this.journal.transaction(hash) || (await this.ask('eth_getTransactionByHash', [hash])))
          return hash
        this.journal.removePending(hash)
        throw error
      }
      // The engine died: the next one is given what waits, and drops what it can't take.
      await delay(RETRY_MS)
      await this.ready
      if (!this.journal.knows(hash)) throw error
    } finally {
      this.underWay--
    }
    this.gatheringSince ??= performance.now()
    this.schedule()
    return hash
  }

  /** Makes a block now. */
  mine(): Promise<void> {
    return this.exclusively(async () => {
      await this.ready
      if (this.stopped) return
      const engine = this.alive()
      if (this.waiting() === 0) this.behind = 0
      const time = Math.max(this.now(), this.last.time + 1)
      // What it is ahead of the time that it would have had is made up for.
      this.behind = Math.max(0, this.behind - (time - this.now()))
      const sent = this.sent - this.underWay
      this.gatheringSince = undefined
      try {
        await engine.rpc('evm_mine', { timestamp: quantity(time), blocks: 1 })
        const taken = await this.remember(engine)
        const handed = await this.sift(engine)
        // One that came while the block was made may not have been there for it, and waits for nothing.
        const isAll = this.sent === sent
        this.stuck = taken + handed === 0 && isAll ? this.journal.pending().length : 0
      } catch (error) {
        // It may be a block ahead of the journal now. Its successor is not.
        void engine.kill()
        throw error
      }
      await this.watchAge(engine)
    })
  }

  async stop(): Promise<void> {
    this.stopped = true
    clearTimeout(this.timer)
    // A block that is under way may begin a rotation yet, and either waits for an engine that is revived.
    await this.turn
    await this.rotating
    await this.ready
    await this.engine?.kill()
    this.forgetSnapshots()
    this.journal.close()
  }

  private alive(): Engine {
    if (!this.engine) throw new CloisterError('chain-unreachable', 'The chain is being stopped.')
    return this.engine
  }

  /** Writes down the block that an engine just made. Returns how many transactions are in it. */
  private async remember(engine: Engine): Promise<number> {
    const block = await engine.rpc<RpcBlock>('eth_getBlockByNumber', quantity(this.last.number + 1), true)
    const transactions = block.transactions as RpcTransaction[]
    const receipts =
      transactions.length > 0 ? await engine.rpc<RpcReceipt[]>('eth_getBlockReceipts', block.number) : []
    const mined: MinedBlock = { block, transactions, receipts }
    // Looked up after the block was made: what came while it was being made may be in it.
    this.journal.append(mined, new Map(this.journal.pending().map(({ hash, raw }) => [hash, raw])))
    this.last = { number: Number(block.number), hash: block.hash, time: Number(block.timestamp) }
    this.blocks.emit('block', this.last)
    return transactions.length
  }

  /**
   * Hands what still waits to the engine where it lost it, and drops what no block can take. Returns how
   * many were handed.
   */
  private async sift(engine: Engine): Promise<number> {
    let handed = 0
    for (const { hash, raw } of this.journal.pending()) {
      if (await engine.rpc('eth_getTransactionByHash', hash)) continue
      try {
        await engine.rpc('eth_sendRawTransaction', raw)
        handed++
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        // Its sender's own call may have come in between.
        if (await engine.rpc('eth_getTransactionByHash', hash)) continue
        this.journal.removePending(hash)
        this.settings.warn(`the transaction ${hash} gets into no block: ${error.message}`)
      }
    }
    return handed
  }

  /**
   * Starts an engine from the newest snapshot that leads to the last block, or from the beginning where none
   * does, and gives it the journal's blocks since.
   */
  private async revive(): Promise<void> {
    const proven = this.provenSnapshot()
    const deep = this.candidates
      .filter((number) => this.last.number - number >= this.settings.pace.depth)
      .slice(-MOST_TRIED)
    for (const number of [...deep.reverse(), ...(proven > 0 ? [proven] : []), 0]) {
      let engine: Engine | undefined
      try {
        engine = await this.startEngine(number > 0 ? this.snapshotFile(number) : undefined)
        if (!this.journal.head()) await this.begin(engine)
        await this.replay(engine, number)
        await this.sift(engine)
        if (number > proven) this.prove(number)
        this.adopt(engine, number)
        return
      } catch (error) {
        await engine?.kill()
        if (number === 0)
          throw new CloisterError(
            'bad-state',
            `The chain's journal can't be replayed: ${messageOf(error)}.`,
            { cause: error },
          )
        if (number > proven) this.giveUp(number, error)
        else
          this.settings.warn(
            `the snapshot of block ${number} leads elsewhere; replaying from the beginning: ${messageOf(error)}`,
          )
      }
    }
  }

  /** The block of the snapshot that was put to use last; 0 where there is none. */
  private provenSnapshot(): number {
    const number = Number(this.journal.meta('snapshot') ?? 0)
    return existsSync(this.snapshotFile(number)) ? number : 0
  }

  /** A snapshot led to the last block: older ones and those that were to be tried are of no more use. */
  private prove(number: number): void {
    this.journal.setMeta('snapshot', String(number))
    this.candidates = []
    this.forgetSnapshots()
  }

  /**
   * One that was taken right before a transaction that asks for the hash of a block before it comes out
   * otherwise.
   */
  private giveUp(number: number, error: unknown): void {
    this.candidates = this.candidates.filter((one) => one !== number)
    rmSync(this.snapshotFile(number), { force: true })
    if (!this.stopped) this.settings.warn(`the snapshot of block ${number} is given up: ${messageOf(error)}`)
  }

  private startEngine(snapshot?: string): Promise<Engine> {
    const { folder } = this.settings
    const isNew = this.journal.head() === undefined
    return Engine.start({ folder, kind: this.kind, genesisTime: this.genesisTime, isNew, snapshot })
  }

  /** Block 0 is whatever an engine begins with. */
  private async begin(engine: Engine): Promise<void> {
    const block = await engine.rpc<RpcBlock>('eth_getBlockByNumber', '0x0', true)
    this.journal.append({ block, transactions: [], receipts: [] }, new Map())
    this.last = { number: 0, hash: block.hash, time: Number(block.timestamp) }
  }

  /** Puts an engine to use. Nothing may fail or be waited for after that: its end begins another revival. */
  private adopt(engine: Engine, from: number): void {
    this.engine = engine
    this.engineFrom = from
    this.stuck = 0
    void engine.ended.then(() => {
      if (this.stopped || this.engine !== engine) return
      this.settings.warn('anvil ended by itself; another takes over')
      this.ready = this.reviveUntilUp()
    })
  }

  private async reviveUntilUp(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.revive()
        this.schedule()
        return
      } catch (error) {
        this.settings.warn(`no engine takes over and another is tried: ${messageOf(error)}`)
        await delay(RETRY_MS)
      }
    }
  }

  /**
   * Gives an engine the journal's blocks above `from`. Throws where a block comes out otherwise than it was.
   */
  private async replay(engine: Engine, from: number): Promise<number> {
    for (let number = from; ; ) {
      const blocks = this.journal.since(number, BLOCKS_AT_ONCE)
      const last = blocks.at(-1)
      if (!last) return number
      for (const { time, raw } of blocks) {
        for (const signed of raw) await engine.rpc('eth_sendRawTransaction', signed)
        await engine.rpc('evm_mine', { timestamp: quantity(time), blocks: 1 })
      }
      const made = await engine.rpc<RpcBlock>('eth_getBlockByNumber', 'latest', false)
      if (made.hash !== last.hash)
        throw new CloisterError(
          'bad-state',
          `block ${last.number} comes out as ${made.hash}, and was ${last.hash}`,
        )
      number = last.number
    }
  }

  /**
   * Takes snapshots of an engine that has made many blocks, some apart so that one at least is good, and
   * puts a new engine in its place once a snapshot is old enough.
   */
  private async watchAge(engine: Engine): Promise<void> {
    const { engineBlocks, depth } = this.settings.pace
    if (this.isRotating) return
    const [oldest] = this.candidates
    const { number: head } = this.last
    const isDue =
      head - (this.candidates.at(-1) ?? this.engineFrom) >=
      (oldest === undefined ? engineBlocks : Math.ceil(depth / APART))
    if (oldest !== undefined && head - oldest >= depth) {
      this.isRotating = true
      this.rotating = this.rotate(oldest)
        .catch((error) => this.giveUp(oldest, error))
        .finally(() => {
          this.isRotating = false
        })
    } else if (isDue) {
      await takeSnapshot(engine, this.snapshotFile(head))
      this.candidates.push(head)
    }
  }

  /** A snapshot counts once a second engine has come from it to the very block that the first is at. */
  private async rotate(number: number): Promise<void> {
    const { ready } = this
    const engine = await this.startEngine(this.snapshotFile(number))
    try {
      const reached = await this.replay(engine, number)
      await this.exclusively(async () => {
        await this.replay(engine, reached)
        await this.sift(engine)
        // Where the first one ended meanwhile, its successor is on its way or there.
        if (this.stopped || this.ready !== ready) return void (await engine.kill())
        const old = this.engine
        this.prove(number)
        this.adopt(engine, number)
        await old?.kill()
      })
    } catch (error) {
      await engine.kill()
      throw error
    }
  }

  /** Snapshots of before that may be put to use yet. */
  private findCandidates(): void {
    const numbers = readdirSync(this.settings.folder).map((name) =>
      Number(/^snapshot-(\d+)\.json$/.exec(name)?.[1] ?? 0),
    )
    const proven = this.provenSnapshot()
    this.candidates = numbers
      .filter((number) => number > proven && number <= this.last.number)
      .sort((one, other) => one - other)
  }

  /** Removes snapshots that are of no use. */
  private forgetSnapshots(): void {
    const used = new Set(
      [this.provenSnapshot(), ...this.candidates].map((number) => `snapshot-${number}.json`),
    )
    for (const name of readdirSync(this.settings.folder))
      if (name.startsWith('snapshot-') && !used.has(name))
        rmSync(join(this.settings.folder, name), { force: true })
  }

  private snapshotFile(number: number): string {
    return join(this.settings.folder, `snapshot-${number}.json`)
  }

  /**
   * When the next block is due: a second after the last where something waits, after the heartbeat where
   * nothing does.
   */
  private schedule(): void {
    if (this.stopped) return
    clearTimeout(this.timer)
    const since = Math.max(0, (this.now() - this.last.time) * 1000)
    const pauseMs = this.behind > 0 ? 0 : 1_000 - since
    const wait =
      this.waiting() > 0 ? Math.max(pauseMs, this.gatheringMs()) : this.settings.pace.heartbeatMs - since
    this.timer = setTimeout(() => void this.beat(), Math.max(0, wait))
  }

  /** Transactions that the next block may take. */
  private waiting(): number {
    return this.journal.pending().length - this.stuck
  }

  /** Milliseconds that the next block waits for company of the transaction that came last. */
  private gatheringMs(): number {
    if (this.gatheringSince === undefined) return 0
    return Math.min(GATHERING_MS, this.gatheringSince + LONGEST_GATHERING_MS - performance.now())
  }

  private async beat(): Promise<void> {
    try {
      await this.mine()
    } catch (error) {
      if (!this.stopped) {
        this.settings.warn(`no block could be made and it is tried again: ${messageOf(error)}`)
        await delay(RETRY_MS)
      }
    }
    this.schedule()
  }

  /** One thing at a time: blocks, and engines changing places. */
  private exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.turn.then(action)
    this.turn = result.catch(() => {})
    return result
  }
}

function wallClock(): number {
  return Math.floor(Date.now() / 1000)
}
