#!/usr/bin/env node
// The indexer as a daemon: cloister-indexer --network network.json --database postgres://… --port 7080
import { parseArgs } from 'node:util'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError, messageOf, sentenceOf } from '@cloister/core'
import { openOperatorInterface, parseDrain, parseListenAt, stopWhenAsked } from '@cloister/operations'
import { giveBackAfterStart } from '@cloister/packed'
import { startIndexer } from './indexer.ts'

const USAGE =
  'Usage: cloister-indexer --network FILE [--database postgres://… | FOLDER] [--host 127.0.0.1] [--port 7080] ' +
  '[--metrics [HOST:]PORT] [--drain SECONDS]'
const log = (level: string, message: string) =>
  process.stdout.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, name: 'indexer', message })}\n`,
  )

try {
  const { values } = parseArgs({
    options: {
      network: { type: 'string' },
      database: { type: 'string', default: process.env['CLOISTER_DATABASE'] ?? 'index' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '7080' },
      metrics: { type: 'string' },
      drain: { type: 'string', default: '10' },
    },
  })
  if (values.network === undefined) throw new CloisterError('bad-option', USAGE)
  const at = values.metrics === undefined ? undefined : parseListenAt(values.metrics)
  const metrics = at && (await openMetrics())
  const indexer = await startIndexer({
    network: loadNetwork(values.network),
    database: values.database,
    host: values.host,
    port: Number(values.port),
    drainMs: parseDrain(values.drain),
    ...(metrics && { answered: metrics.answered }),
    warn: (message) => log('warn', message),
  })
  log('info', `serving the index at ${indexer.url}`)
  if (at && metrics) {
    metrics.watch(indexer)
    const { port } = await openOperatorInterface({
      who: 'The indexer',
      at,
      metrics: metrics.expose,
      readiness: indexer.readiness,
    })
    log('info', `metrics are at http://${at.host}:${port}/metrics`)
  }
  giveBackAfterStart()
  stopWhenAsked(indexer.stop)
} catch (error) {
  log(
    'error',
    [messageOf(error), error instanceof CloisterError && sentenceOf(error.hint)].filter(Boolean).join(' '),
  )
  process.exit(1)
}

/** Read once it is asked for: it takes 6 MB. */
async function openMetrics() {
  const [{ expose, openRegistry }, { indexerMetrics }] = await Promise.all([
    import('@cloister/operations/metrics'),
    import('./metrics.ts'),
  ])
  const registry = openRegistry()
  return { ...indexerMetrics(registry), expose: () => expose(registry) }
}
