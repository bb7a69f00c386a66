import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Hex } from 'viem'
import { pack, unpack } from './packing.ts'

/** A block, transaction, receipt or log as JSON-RPC has it; the fields that are looked at are named. */
type RpcObject = Record<string, unknown>
export type RpcBlock = RpcObject & {
  number: Hex
  hash: Hex
  parentHash: Hex
  timestamp: Hex
  transactions: (Hex | RpcObject)[]
}
export type RpcTransaction = RpcObject & { hash: Hex }
export type RpcLog = RpcObject & {
  address: Hex
  topics: Hex[]
  data: Hex
  blockNumber: Hex
  blockHash: Hex
  logIndex: Hex
  transactionHash: Hex
}
export type RpcReceipt = RpcObject & { transactionHash: Hex; logs: RpcLog[] }

/** A block with what is in it. */
export interface MinedBlock {
  block: RpcBlock
  transactions: RpcTransaction[]
  receipts: RpcReceipt[]
}

/**
 * Which logs are asked for: in blocks from and to, of addresses, with topics (any of each; null for
 * whatever).
 */
export interface LogFilter {
  from: number
  to: number
  addresses: Hex[]
  topics: (Hex[] | null)[]
}

/** Where the chain has come to. */
export interface Head {
  number: number
  hash: Hex
  time: number
}

/**
 * The chain's memory: every block, every transaction as it was signed, every receipt and log, and
 * transactions that wait for their block. What is written is on disk when the call returns, also when the
 * machine loses power.
 */
export class Journal {
  private readonly db: DatabaseSync

  constructor(path: string) {
    this.db = new DatabaseSync(path)
    this.db.exec(`
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma journal_size_limit = 8388608;
      create table if not exists meta (key text primary key, value text) strict, without rowid;
      create table if not exists pending (turn integer primary key autoincrement, hash blob not null unique, raw blob not null) strict;
      create table if not exists block (number integer primary key, hash blob not null unique, time integer not null, body blob not null) strict;
      create table if not exists tx (
        number integer not null, position integer not null, hash blob not null unique, raw blob not null, body blob not null, receipt blob not null,
        primary key (number, position)
      ) strict, without rowid;
      create table if not exists log (
        number integer not null, position integer not null, tx integer not null, address blob not null, topic blob not null, topics blob not null,
        data blob not null, primary key (number, position)
      ) strict, without rowid;
      create index if not exists log_topic on log (address, topic, number);
    `)
  }

  close(): void {
    this.db.close()
  }

  meta(key: string): string | undefined {
    return this.row<{ value: string }>('select value from meta where key = ?', key)?.value
  }

  setMeta(key: string, value: string | undefined): void {
    if (value === undefined) this.run('delete from meta where key = ?', key)
    else
      this.run('insert into meta values (?, ?) on conflict do update set value = excluded.value', key, value)
  }

  addPending(hash: Hex, raw: Hex): void {
    this.run('insert or ignore into pending (hash, raw) values (?, ?)', bytes(hash), bytes(raw))
  }

  removePending(hash: Hex): void {
    this.run('delete from pending where hash = ?', bytes(hash))
  }

  /** Transactions without a block yet, in the order they came. */
  pending(): { hash: Hex; raw: Hex }[] {
    return this.rows<{ hash: Uint8Array; raw: Uint8Array }>(
      'select hash, raw from pending order by turn',
    ).map((row) => ({
      hash: hex(row.hash),
      raw: hex(row.raw),
    }))
  }

  /** Whether a transaction waits or is in a block. */
  knows(hash: Hex): boolean {
    const known = bytes(hash)
    return (
      this.row(
        'select 1 from pending where hash = ? union all select 1 from tx where hash = ?',
        known,
        known,
      ) !== undefined
    )
  }

  /** Writes a block and takes its transactions off those that wait. `raw` gives each as it was signed. */
  append({ block, transactions, receipts }: MinedBlock, raw: ReadonlyMap<Hex, Hex>): void {
    const number = Number(block.number)
    this.db.exec('begin immediate')
    try {
      const { transactions: _, ...body } = block
      this.run(
        'insert into block values (?, ?, ?, ?)',
        number,
        bytes(block.hash),
        Number(block.timestamp),
        pack(body),
      )
      for (const [position, transaction] of transactions.entries()) {
        const signed = raw.get(transaction.hash)
        const receipt = receipts[position]
        if (signed === undefined || !receipt)
          throw new Error(`block ${number} holds ${transaction.hash}, which nobody sent`)
        const { logs, ...rest } = receipt
        const hash = bytes(transaction.hash)
        this.run(
          'insert into tx values (?, ?, ?, ?, ?, ?)',
          number,
          position,
          hash,
          bytes(signed),
          pack(transaction),
          pack(rest),
        )
        for (const { address, topics, data, logIndex } of logs) {
          const all = Buffer.concat(topics.map(bytes))
          const values = [bytes(address), bytes(topics[0] ?? '0x'), all, bytes(data)]
          this.run(
            'insert into log values (?, ?, ?, ?, ?, ?, ?)',
            number,
            Number(logIndex),
            position,
            ...values,
          )
        }
        this.run('delete from pending where hash = ?', hash)
      }
      this.db.exec('commit')
    } catch (error) {
      this.db.exec('rollback')
      throw error
    }
  }

  head(): Head | undefined {
    const found = this.row<{ number: number; hash: Uint8Array; time: number }>(
      'select number, hash, time from block order by number desc limit 1',
    )
    return found && { ...found, hash: hex(found.hash) }
  }

  /** A block's number by its hash. */
  numberOf(hash: Hex): number | undefined {
    return this.row<{ number: number }>('select number from block where hash = ?', bytes(hash))?.number
  }

  /** A block with its transactions, or with their hashes. */
  block(number: number, full: boolean): RpcBlock | null {
    const found = this.row<{ body: Uint8Array }>('select body from block where number = ?', number)
    if (!found) return null
    const inside = this.rows<{ hash: Uint8Array; body: Uint8Array }>(
      'select hash, body from tx where number = ? order by position',
      number,
    )
    return {
      ...unpack<RpcBlock>(found.body),
      transactions: inside.map(({ hash, body }) => (full ? unpack<RpcObject>(body) : hex(hash))),
    }
  }

  transaction(hash: Hex): RpcTransaction | null {
    const found = this.row<{ body: Uint8Array }>('select body from tx where hash = ?', bytes(hash))
    return found ? unpack<RpcTransaction>(found.body) : null
  }

  receipt(hash: Hex): RpcReceipt | null {
    const found = this.row<{ number: number; position: number; receipt: Uint8Array }>(
      'select number, position, receipt from tx where hash = ?',
      bytes(hash),
    )
    if (!found) return null
    const logs = this.logRows('where log.number = ? and log.tx = ?', found.number, found.position)
    return { ...unpack<RpcReceipt>(found.receipt), logs }
  }

  receipts(number: number): RpcReceipt[] {
    const inside = this.rows<{ hash: Uint8Array }>(
      'select hash from tx where number = ? order by position',
      number,
    )
    return inside.map(({ hash }) => this.receipt(hex(hash))).filter((found) => found !== null)
  }

  logs({ from, to, addresses, topics }: LogFilter): RpcLog[] {
    const [first] = topics
    const any = (values: readonly Hex[]) => values.map(() => '?').join(', ')
    const ofAddress = addresses.length > 0 ? ` and log.address in (${any(addresses)})` : ''
    const ofTopic = first ? ` and log.topic in (${any(first)})` : ''
    const values = [...addresses.map(bytes), ...(first ?? []).map(bytes)]
    return this.logRows(`where log.number between ? and ?${ofAddress}${ofTopic}`, from, to, ...values).filter(
      (log) => topics.every((wanted, place) => wanted === null || wanted.includes(log.topics[place] ?? '0x')),
    )
  }

  /**
   * What was mined above a block, in order: when, and with which signed transactions. At most `limit`
   * blocks.
   */
  since(number: number, limit: number): { number: number; hash: Hex; time: number; raw: Hex[] }[] {
    const blocks = this.rows<{ number: number; hash: Uint8Array; time: number }>(
      'select number, hash, time from block where number > ? order by number limit ?',
      number,
      limit,
    )
    const signed = this.rows<{ number: number; raw: Uint8Array }>(
      'select number, raw from tx where number > ? and number <= ? order by number, position',
      number,
      blocks.at(-1)?.number ?? number,
    )
    const raw = Map.groupBy(signed, (row) => row.number)
    return blocks.map((block) => ({
      ...block,
      hash: hex(block.hash),
      raw: (raw.get(block.number) ?? []).map((row) => hex(row.raw)),
    }))
  }

  private logRows(where: string, ...values: SQLInputValue[]): RpcLog[] {
    const found = this.rows<{
      number: number
      position: number
      tx: number
      address: Uint8Array
      topics: Uint8Array
      data: Uint8Array
      hash: Uint8Array
      time: number
      transaction: Uint8Array
    }>(
      `select log.number, log.position, log.tx, log.address, log.topics, log.data, block.hash, block.time, tx.hash as "transaction" from log
       join block on block.number = log.number join tx on tx.number = log.number and tx.position = log.tx ${where} order by log.number, log.position`,
      ...values,
    )
    return found.map((row) => ({
      address: hex(row.address),
      topics: Array.from({ length: row.topics.length / 32 }, (_, place) =>
        hex(row.topics.subarray(place * 32, place * 32 + 32)),
      ),
      data: hex(row.data),
      blockHash: hex(row.hash),
      blockNumber: quantity(row.number),
      blockTimestamp: quantity(row.time),
      transactionHash: hex(row.transaction),
      transactionIndex: quantity(row.tx),
      logIndex: quantity(row.position),
      removed: false,
    }))
  }

  private run(sql: string, ...values: SQLInputValue[]): void {
    this.prepare(sql).run(...values)
  }

  private row<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    // The statement names the columns that T has.
    return this.prepare(sql).get(...values) as T | undefined
  }

  private rows<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.prepare(sql).all(...values) as T[]
  }

  private readonly statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()

  private prepare(sql: string) {
    let found = this.statements.get(sql)
    if (!found) {
      found = this.db.prepare(sql)
      if (this.statements.size < 100) this.statements.set(sql, found)
    }
    return found
  }
}

export function quantity(number: number): Hex {
  return `0x${number.toString(16)}`
}

function bytes(text: Hex): Uint8Array {
  return Buffer.from(text.slice(2), 'hex')
}

function hex(value: Uint8Array): Hex {
  return `0x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
}
