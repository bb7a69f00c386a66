#!/usr/bin/env node
// The indexer as a daemon: cloister-indexer --network network.json --database postgres://… --port 7080
import { parseArgs } from 'node:util'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError, messageOf, sentenceOf } from '@cloister/core'
import { giveBackAfterStart } from '@cloister/packed'
import { startIndexer } from './indexer.ts'

const USAGE =
  'Usage: cloister-indexer --network FILE [--database postgres://… | FOLDER] [--host 127.0.0.1] [--port 7080]'
const log = (level: string, message: string) =>
  process.stdout.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, name: 'indexer', message })}\n`,
  )

try {
  const { values } = parseArgs({
    options: {
      network: { type: 'string' },
      database: { type: 'string', default: 'index' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '7080' },
    },
  })
  if (values.network === undefined) throw new CloisterError('bad-option', USAGE)
  const indexer = await startIndexer({
    network: loadNetwork(values.network),
    database: values.database,
    host: values.host,
    port: Number(values.port),
    warn: (message) => log('warn', message),
  })
  log('info', `serving the index at ${indexer.url}`)
  giveBackAfterStart()
  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    void indexer.stop().finally(() => process.exit(0))
  }
  process.on('SIGINT', stop).on('SIGTERM', stop).on('disconnect', stop)
} catch (error) {
  log(
    'error',
    [messageOf(error), error instanceof CloisterError && sentenceOf(error.hint)].filter(Boolean).join(' '),
  )
  process.exit(1)
}
