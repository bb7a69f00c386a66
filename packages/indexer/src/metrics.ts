import { addCounters, addGauges, Histogram, type Registry } from '@cloister/operations/metrics'
import { sql } from 'drizzle-orm'
import type { Database } from './database/open.ts'
import { lastCheckpoint, readCounter } from './engine/checkpoint.ts'
import type { RunningIndexer } from './indexer.ts'

/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/**
 * Adds an index's metrics: `answered` counts queries from the beginning, `watch` adds what there is to read
 * of it once it runs. Labels are routes and tables, whose number is known; none says what was asked for.
 */
export function indexerMetrics(registry: Registry): {
  answered: (path: string, seconds: number) => void
  watch: (indexer: RunningIndexer) => void
} {
  const queries = new Histogram({
    name: 'cloister_indexer_query_duration_seconds',
    help: 'How long answering a query took, by route.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers: [registry],
  })
  return {
    answered: (route, seconds) => queries.observe({ route }, seconds),
    watch: ({ database, follower: { newest } }) => {
      const block = async () => (await lastCheckpoint(database))?.block ?? 0
      addGauges(registry, [
        { name: 'cloister_indexer_block', help: 'The block that reading has come to.', read: block },
        {
          name: 'cloister_indexer_chain_block',
          help: 'The chain’s newest block, as last heard.',
          read: () => newest.block,
        },
        {
          name: 'cloister_indexer_chain_block_age_seconds',
          help: 'Since the chain’s newest block was first heard of.',
          read: () => newest.ageSeconds,
        },
        {
          name: 'cloister_indexer_blocks_behind',
          help: 'Blocks of the chain that are still to be read.',
          read: async () => Math.max(0, newest.block - (await block())),
        },
        {
          name: 'cloister_indexer_events',
          help: 'Events of the contracts in the index; a reorganisation takes some back.',
          read: () => readCounter(database, 'events'),
        },
        {
          name: 'cloister_indexer_rows',
          help: 'Rows by table, as PostgreSQL estimates them; an embedded database does not.',
          label: 'table',
          read: () => rowsByTable(database),
        },
      ])
      addCounters(registry, [
        {
          name: 'cloister_indexer_reorganisations_total',
          help: 'How often the chain went another way, and the index with it.',
          read: () => readCounter(database, 'reorganisations'),
        },
      ])
    },
  }
}

/** Counting would read them all; these are the server's own statistics. */
async function rowsByTable(database: Database): Promise<Record<string, number>> {
  const found = await database.execute<{ table: string; rows: string }>(
    sql`select relname as table, n_live_tup as rows from pg_stat_user_tables where schemaname = 'public'`,
  )
  const rows = (found as unknown as { rows: { table: string; rows: string }[] }).rows
  return Object.fromEntries(rows.map(({ table, rows: number }) => [table, Number(number)]))
}
