#!/usr/bin/env node
// The hub as a daemon: cloister-hub --network network.json --folder hub --port 7090
import { parseArgs } from 'node:util'
import { connectChain, getBallotPlaces } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError, messageOf, sentenceOf } from '@cloister/core'
import { openOperatorInterface, parseDrain, parseListenAt, stopWhenAsked } from '@cloister/operations'
import { giveBackAfterStart } from '@cloister/packed'
import { ChainSource } from '../chain-source.ts'
import { startHub } from './server.ts'

const USAGE =
  'Usage: cloister-hub --network FILE [--folder hub] [--host 127.0.0.1] [--port 7090] [--mirror URL]... ' +
  '[--requests-per-second N] [--forwarded-by ADDRESS[/BITS]]... [--proxy-protocol-from ADDRESS[/BITS]]... ' +
  '[--metrics [HOST:]PORT] [--drain SECONDS]'
const log = (level: string, message: string) =>
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, name: 'hub', message })}\n`)

try {
  const { values } = parseArgs({
    options: {
      network: { type: 'string' },
      folder: { type: 'string', default: 'hub' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '7090' },
      mirror: { type: 'string', multiple: true, default: [] },
      'requests-per-second': { type: 'string' },
      'forwarded-by': { type: 'string', multiple: true, default: [] },
      'proxy-protocol-from': { type: 'string', multiple: true, default: [] },
      metrics: { type: 'string' },
      drain: { type: 'string', default: '10' },
    },
  })
  if (values.network === undefined || values.mirror.some((url) => !URL.canParse(url)))
    throw new CloisterError('bad-option', USAGE)
  const rate = rateOf(values['requests-per-second'])
  const at = values.metrics === undefined ? undefined : parseListenAt(values.metrics)
  const metrics = at && (await openMetrics())
  const chain = connectChain(loadNetwork(values.network))
  const { ballots, space } = await getBallotPlaces(chain)
  const hub = await startHub({
    chain,
    source: (readText) => new ChainSource(chain, readText),
    ballots,
    space,
    folder: values.folder,
    host: values.host,
    port: Number(values.port),
    mirrors: values.mirror,
    drainMs: parseDrain(values.drain),
    proxies: {
      forwardedBy: values['forwarded-by'],
      proxyProtocolFrom: values['proxy-protocol-from'],
    },
    limits: rate === undefined ? {} : { requestsPerSecond: rate, burst: 10 * rate },
    ...(metrics && { posted: metrics.posted }),
    warn: (message) => log('warn', message),
  })
  log('info', `taking votes at ${hub.url}; receipts are signed by ${hub.hub.parts.key.address}`)
  if (at && metrics) {
    metrics.watch(hub)
    const { port } = await openOperatorInterface({
      who: 'The hub',
      at,
      metrics: metrics.expose,
      readiness: hub.readiness,
    })
    log('info', `metrics are at http://${at.host}:${port}/metrics`)
  }
  giveBackAfterStart()
  stopWhenAsked(hub.stop)
} catch (error) {
  log(
    'error',
    [messageOf(error), error instanceof CloisterError && sentenceOf(error.hint)].filter(Boolean).join(' '),
  )
  process.exit(1)
}

/** Read once it is asked for: it takes 6 MB. */
async function openMetrics() {
  const [{ expose, openRegistry }, { hubMetrics }] = await Promise.all([
    import('@cloister/operations/metrics'),
    import('./metrics.ts'),
  ])
  const registry = openRegistry()
  return { ...hubMetrics(registry), expose: () => expose(registry) }
}

/** Requests a second that one address may make; 0 for any number. Throws `bad-option`. */
function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,6}$/.test(text)) throw new CloisterError('bad-option', USAGE)
  return text === '0' ? Number.POSITIVE_INFINITY : Number(text)
}
