import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDevelopmentChain } from '@cloister/development/chain'
import { postgresPrograms, startPostgres } from '@cloister/development/postgres'
import { Steps, say, table } from '@cloister/terminal'
import { times } from '../numbers.ts'
import type { Backfill } from './backfill.ts'
import { fillChain } from './fill.ts'
import { backfillOurs } from './ours.ts'
import { backfillPonder, installPonder } from './ponder.ts'

const LEASES = Number(process.env['CLOISTER_LEASES'] ?? 10_000)

/**
 * From the start of a process to a chain of 10,000 leases in its database: our indexer and Ponder, each on
 * PGlite and on PostgreSQL, with the processor time that it took.
 */
export async function benchIndexer(): Promise<void> {
  const steps = new Steps(false)
  steps.begin('chain', 'starting')
  const chain = await startDevelopmentChain()
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  const { network } = chain
  try {
    const blocks = await fillChain(chain, LEASES, (done) =>
      steps.begin('chain', `${done} of ${LEASES} leases`),
    )
    const isDone = (events: number) => events > LEASES
    steps.begin('ours', 'PGlite')
    const database = join(folder, 'index')
    const embedded = await backfillOurs('ours on PGlite', { network, folder, database }, isDone)
    const { events } = embedded
    const onServer = await onPostgres(({ url, server }) => {
      steps.begin('ours', 'PostgreSQL')
      return backfillOurs('ours on PostgreSQL', { network, folder, database: url, server }, isDone)
    })
    const tell = (text: string) => steps.begin('ponder', text)
    tell('it is slow to start, and this takes minutes')
    const hasPeer = installPonder(tell)
    const peer = hasPeer ? await backfillPonder('Ponder on PGlite', { network, events }, tell) : undefined
    const peerOnServer = hasPeer
      ? await onPostgres((on) =>
          backfillPonder('Ponder on PostgreSQL', { network, events, database: on }, tell),
        )
      : undefined
    steps.done()
    report([
      { found: embedded, peer },
      { found: onServer, peer: peerOnServer },
      { found: peer, peer },
      { found: peerOnServer, peer: peerOnServer },
    ])
    if (!peer) say('Ponder could not be installed or did not finish; there is no peer in this run.')
    say(`${LEASES} leases opened and half of them closed: ${events} events in ${blocks} blocks`)
  } finally {
    await chain.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** What is measured on a PostgreSQL of its own; undefined where this machine has none. */
async function onPostgres<T>(
  measure: (database: { url: string; server: number }) => Promise<T>,
): Promise<T | undefined> {
  const programs = postgresPrograms()
  if (programs === undefined) return undefined
  const server = await startPostgres(programs)
  try {
    return await measure({ url: server.url, server: server.pid() })
  } finally {
    await server.stop()
  }
}

function report(rows: { found: Backfill | undefined; peer: Backfill | undefined }[]): void {
  const head = ['indexer', 'seconds', 'events/s', 'to Ponder', 'CPU seconds', 'CPU to Ponder']
  say(
    table(
      head,
      rows.flatMap(({ found, peer }) =>
        found === undefined
          ? []
          : [
              [
                found.name,
                found.seconds.toFixed(2),
                (found.events / found.seconds).toFixed(0),
                peer === undefined ? '' : times(peer.seconds, found.seconds),
                found.cpuSeconds.toFixed(2),
                peer === undefined ? '' : times(peer.cpuSeconds, found.cpuSeconds),
              ],
            ],
      ),
      head.slice(1),
    ),
  )
}
