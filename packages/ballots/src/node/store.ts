import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Address, Hex } from 'viem'
import { contentIdOf, contentIdOfHash } from '../messages/content-id.ts'
import { MAX_ENVELOPE_BYTES, writeEnvelope } from '../messages/envelope.ts'
import type { SignedVote, Vote } from '../messages/vote.ts'
import type { Part, VotingPower } from '../tally/power.ts'

/** A vote that the hub has. */
export interface StoredVote {
  /** In the order in which they came. */
  number: number
  vote: SignedVote
  /** What its envelope is published under. */
  content: string
  /** Unix seconds. */
  receivedAt: number
  /** What its voter has, by the chain. */
  power: VotingPower
}

/** What of a store's votes are wanted; all of it together. */
export interface VoteQuery {
  ids?: Hex[] | undefined
  proposals?: Hex[] | undefined
  voters?: Address[] | undefined
  createdFrom?: number | undefined
  createdTo?: number | undefined
  /** Votes that came after this one. */
  after?: number | undefined
  /** Votes that others took the place of, too. */
  replaced?: boolean | undefined
  oldestFirst?: boolean | undefined
  first: number
  skip?: number | undefined
}

type Row = Record<string, string | number>

/**
 * The hub's votes: SQLite, written through before anybody is told that a vote is taken. What was taken is
 * never changed or thrown away; of a voter's votes on a ballot one is marked as the last.
 */
export class VoteStore {
  private readonly db: DatabaseSync

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true })
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
    this.db = new DatabaseSync(path)
    this.db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS vote (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, content TEXT NOT NULL UNIQUE,
        proposal TEXT NOT NULL, voter TEXT NOT NULL, created INTEGER NOT NULL, received INTEGER NOT NULL,
        last INTEGER NOT NULL, power TEXT NOT NULL, envelope TEXT NOT NULL CHECK (length(envelope) <= ${2 * MAX_ENVELOPE_BYTES})
      ) STRICT;
      CREATE INDEX IF NOT EXISTS vote_of_ballot ON vote (proposal, last, created);
      CREATE TABLE IF NOT EXISTS text (hash TEXT PRIMARY KEY, content TEXT NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS vote_of_voter ON vote (voter, proposal);
    `)
  }

  /** Keeps a vote; `isLast`: it takes the place of its voter's last one on the ballot. */
  add(vote: SignedVote, power: VotingPower, receivedAt: number, isLast: boolean): StoredVote {
    const envelope = writeEnvelope(vote)
    const content = contentIdOf(envelope)
    this.db.exec('BEGIN IMMEDIATE')
    try {
      if (isLast)
        this.db
          .prepare('UPDATE vote SET last = 0 WHERE proposal = ? AND voter = ? AND last = 1')
          .run(vote.proposal, vote.from)
      const { lastInsertRowid } = this.db
        .prepare(
          `INSERT INTO vote (id, content, proposal, voter, created, received, last, power, envelope)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          vote.id,
          content,
          vote.proposal,
          vote.from,
          vote.timestamp,
          receivedAt,
          isLast ? 1 : 0,
          writePower(power),
          envelope,
        )
      this.db.exec('COMMIT')
      return { number: Number(lastInsertRowid), vote, content, receivedAt, power }
    } catch (error) {
      this.db.exec('ROLLBACK')
      throw error
    }
  }

  find(id: Hex): StoredVote | undefined {
    return this.select({ ids: [id], replaced: true, first: 1 })[0]
  }

  lastOf(proposal: Hex, voter: Address): StoredVote | undefined {
    // Named, since SQLite would rather look through all votes of the ballot, which are in the order of time.
    const row = this.db
      .prepare(
        'SELECT * FROM vote INDEXED BY vote_of_voter WHERE voter = ? AND proposal = ? AND last = 1 LIMIT 1',
      )
      .get(voter, proposal)
    return row && readRow(row as Row)
  }

  /** How often an account voted on a ballot. */
  countOf(proposal: Hex, voter: Address): number {
    const row = this.db
      .prepare('SELECT count(*) AS count FROM vote WHERE voter = ? AND proposal = ?')
      .get(voter, proposal)
    return Number(row?.['count'] ?? 0)
  }

  /** The envelope or the ballot's text that a content id stands for, as it was published. */
  published(content: string): string | undefined {
    const row =
      this.db.prepare('SELECT envelope AS published FROM vote WHERE content = ?').get(content) ??
      this.db.prepare('SELECT json AS published FROM text WHERE content = ?').get(content)
    return row && String(row['published'])
  }

  /** Keeps a ballot's text by its SHA-256. */
  addText(hash: Hex, json: string): void {
    this.db
      .prepare('INSERT OR IGNORE INTO text (hash, content, json) VALUES (?, ?, ?)')
      .run(hash, contentIdOfHash(hash), json)
  }

  text(hash: Hex): string | undefined {
    const row = this.db.prepare('SELECT json FROM text WHERE hash = ?').get(hash)
    return row && String(row['json'])
  }

  select(query: VoteQuery): StoredVote[] {
    const { clause, values } = clauseOf(query)
    const order = query.oldestFirst ? 'ASC' : 'DESC'
    return this.db
      .prepare(
        `SELECT * FROM vote WHERE ${clause} ORDER BY created ${order}, number ${order} LIMIT ? OFFSET ?`,
      )
      .all(...values, query.first, query.skip ?? 0)
      .map((row) => readRow(row as Row))
  }

  /** Envelopes in the order in which they came, each with its number; only those that count, if so asked. */
  *export(after = 0, proposal?: Hex, onlyLast = false): Generator<{ number: number; envelope: string }> {
    // A page at a time, and a small one, since each that reads slowly has one in memory.
    for (let last = after; ; ) {
      const rows = this.db
        .prepare(
          `SELECT number, envelope FROM vote WHERE number > ? AND (? IS NULL OR proposal = ?) AND last >= ? ORDER BY number LIMIT 16`,
        )
        .all(last, proposal ?? null, proposal ?? null, onlyLast ? 1 : 0)
      if (rows.length === 0) return
      for (const row of rows) {
        last = Number(row['number'])
        yield { number: last, envelope: String(row['envelope']) }
      }
    }
  }

  /** The number of votes, the last number given, and of how many ballots and voters they are. */
  counts(): { votes: number; last: number; ballots: number } {
    const row = this.db
      .prepare(
        'SELECT count(*) AS votes, coalesce(max(number), 0) AS last, count(DISTINCT proposal) AS ballots FROM vote',
      )
      .get()
    return { votes: Number(row?.['votes']), last: Number(row?.['last']), ballots: Number(row?.['ballots']) }
  }

  /** How many voters have voted on a ballot, and the number of the last vote that changed that. */
  standOf(proposal: Hex): { voters: number; last: number } {
    const row = this.db
      .prepare(
        'SELECT count(*) AS voters, coalesce(max(number), 0) AS last FROM vote WHERE proposal = ? AND last = 1',
      )
      .get(proposal)
    return { voters: Number(row?.['voters']), last: Number(row?.['last']) }
  }

  close(): void {
    this.db.close()
  }
}

function clauseOf(query: VoteQuery): { clause: string; values: (string | number)[] } {
  const parts: string[] = query.replaced ? ['1'] : ['last = 1']
  const values: (string | number)[] = []
  const among = (column: string, wanted: readonly string[] | undefined) => {
    if (!wanted) return
    parts.push(wanted.length === 0 ? '0' : `${column} IN (${wanted.map(() => '?').join(', ')})`)
    values.push(...wanted)
  }
  among('id', query.ids)
  among('proposal', query.proposals)
  among('voter', query.voters)
  for (const [comparison, value] of [
    ['created >= ?', query.createdFrom],
    ['created <= ?', query.createdTo],
    ['number > ?', query.after],
  ] as const)
    if (value !== undefined) {
      parts.push(comparison)
      values.push(value)
    }
  return { clause: parts.join(' AND '), values }
}

function readRow(row: Row): StoredVote {
  return {
    number: Number(row['number']),
    vote: readVote(String(row['envelope'])),
    content: String(row['content']),
    receivedAt: Number(row['received']),
    power: readPower(String(row['power'])),
  }
}

/** A vote of ours, which was checked when it was kept. */
function readVote(envelope: string): SignedVote {
  const { hash, sig, data } = JSON.parse(envelope) as { hash: Hex; sig: Hex; data: { message: Vote } }
  return { ...data.message, id: hash, signature: sig }
}

function writePower(power: VotingPower): string {
  return JSON.stringify(power, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}

function readPower(json: string): VotingPower {
  const parts = JSON.parse(json) as (Omit<Part, 'worth'> & { worth: string })[]
  return parts.map((part) => ({ ...part, worth: BigInt(part.worth) }))
}
