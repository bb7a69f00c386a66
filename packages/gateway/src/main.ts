#!/usr/bin/env node
// The gateway as a daemon: cloister-gateway --network network.json --domain example.com --port 443 --key
// key.pem --cert cert.pem
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { parseArgs } from 'node:util'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError, messageOf, sentenceOf } from '@cloister/core'
import { openOperatorInterface, parseDrain, parseListenAt, stopWhenAsked } from '@cloister/operations'
import { giveBackAfterStart } from '@cloister/packed'
import { everyAddress } from '@cloister/transport'
import { type RunningGateway, startGateway } from './gateway.ts'

const USAGE =
  'Usage: cloister-gateway --network FILE [--domain localhost] [--host ::] [--port 8080] ' +
  '[--key FILE --cert FILE] [--indexer URL] [--ports FILE] [--requests-per-second N] [--connections-per-address N] ' +
  '[--metrics [HOST:]PORT] [--drain SECONDS] [--http-port PORT | --domains-port PORT] [--name-server ADDRESS]... ' +
  '[--proxy-protocol-from ADDRESS[/BITS]]... [--key-requests-per-minute N] [--key-concurrent N] ' +
  '[--traces URL]'
const log = (level: string, message: string) =>
  process.stdout.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, name: 'gateway', message })}\n`,
  )

try {
  const { values } = parseArgs({
    options: {
      network: { type: 'string' },
      domain: { type: 'string', default: 'localhost' },
      host: { type: 'string' },
      port: { type: 'string', default: '8080' },
      key: { type: 'string' },
      cert: { type: 'string' },
      indexer: { type: 'string' },
      ports: { type: 'string' },
      'requests-per-second': { type: 'string' },
      'connections-per-address': { type: 'string' },
      metrics: { type: 'string' },
      drain: { type: 'string', default: '10' },
      'http-port': { type: 'string' },
      'domains-port': { type: 'string' },
      'name-server': { type: 'string', multiple: true },
      'proxy-protocol-from': { type: 'string', multiple: true },
      'key-requests-per-minute': { type: 'string' },
      'key-concurrent': { type: 'string' },
      traces: { type: 'string', default: process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '' },
    },
  })
  if (values.network === undefined || (values.key === undefined) !== (values.cert === undefined))
    throw new CloisterError('bad-option', USAGE)
  const network = loadNetwork(values.network)
  if (values.ports !== undefined && !network.development)
    throw new CloisterError(
      'bad-option',
      '--ports is for development networks only: it also lets workers be on private addresses.',
    )
  const rate = countOf(values['requests-per-second'])
  const connections = countOf(values['connections-per-address'])
  const requestsPerMinute = countOf(values['key-requests-per-minute'])
  const concurrent = countOf(values['key-concurrent'])
  const tls = values.key !== undefined &&
    values.cert !== undefined && { key: readFileSync(values.key), cert: readFileSync(values.cert) }
  const httpPort = portOf(values['http-port'])
  const tlsPort = portOf(values['domains-port'])
  if ((tls ? tlsPort : httpPort) !== undefined)
    throw new CloisterError(
      'bad-option',
      tls
        ? '--domains-port is for gateways without TLS; with --key and --cert domains come to --port.'
        : '--http-port is for gateways with TLS; without --key and --cert plain HTTP comes to --port.',
    )
  const at = values.metrics === undefined ? undefined : parseListenAt(values.metrics)
  const metrics = at && (await openMetrics(tls ? tls.cert : undefined))
  const traces = values.traces === '' ? undefined : await openTracesTo(values.traces, values.domain)
  const gateway = await startGateway({
    domain: values.domain,
    host: values.host === undefined ? everyAddress() : hostOf(values.host),
    port: portOf(values.port) ?? 8080,
    indexerUrl: values.indexer ?? network.indexerUrl,
    addressLimits: {
      ...(rate !== undefined && { requestsPerSecond: rate, burst: 5 * rate }),
      ...(connections !== undefined && { connectionsPerAddress: connections }),
    },
    inference: {
      currencies: network.tokens,
      images: network.inferenceImages,
      keyLimits: {
        ...(requestsPerMinute !== undefined && { requestsPerMinute }),
        ...(concurrent !== undefined && { concurrent }),
      },
    },
    drainMs: parseDrain(values.drain),
    ...((tls || tlsPort !== undefined) && {
      domains: { nameServers: values['name-server'], httpPort, tlsPort },
    }),
    announcers: values['proxy-protocol-from'] ?? [],
    ...(metrics && { observer: metrics.observer }),
    ...(traces && { tracer: traces.tracer }),
    ...(tls && { tls }),
    ...(values.ports !== undefined && { development: { portsFile: values.ports } }),
  })
  metrics?.watch(gateway)
  log('info', `the gateway is open at ${gateway.url}`)
  if (at && metrics) {
    const { port } = await openOperatorInterface({
      who: 'The gateway',
      at,
      metrics: metrics.expose,
      readiness: gateway.readiness,
    })
    log('info', `metrics are at http://${at.host}:${port}/metrics`)
  }
  giveBackAfterStart()
  stopWhenAsked(async () => {
    await gateway.stop()
    await traces?.close()
  })
} catch (error) {
  log(
    'error',
    [messageOf(error), error instanceof CloisterError && sentenceOf(error.hint)].filter(Boolean).join(' '),
  )
  process.exit(1)
}

/** Read once it is asked for: it takes 6 MB. */
async function openMetrics(certificate: Buffer | undefined) {
  const [{ expose, openRegistry }, { gatewayMetrics }, { endpointMetrics }] = await Promise.all([
    import('@cloister/operations/metrics'),
    import('./metrics.ts'),
    import('./inference/metrics.ts'),
  ])
  const registry = openRegistry()
  return {
    observer: gatewayMetrics(registry, certificate),
    watch: (gateway: RunningGateway) => endpointMetrics(registry, gateway.endpoints),
    expose: () => expose(registry),
  }
}

/** Read once it is asked for. Throws `bad-option`. */
async function openTracesTo(address: string, domain: string) {
  const [{ openTraces }, { inferenceTraces }] = await Promise.all([
    import('@cloister/operations/traces'),
    import('./inference/traces.ts'),
  ])
  const tell = (message: string) => log('warn', message)
  const { tracer, close } = openTraces(address, { usual: 'cloister-gateway', tell })
  return { tracer: inferenceTraces(tracer, domain), close }
}

/** A limit as it is typed; 0 is none. Throws `bad-option`. */
function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new CloisterError('bad-option', USAGE)
  return text === '0' ? Number.POSITIVE_INFINITY : Number(text)
}

/** An address of this machine, or a name of it. Throws `bad-option`. */
function hostOf(text: string): string {
  if (isIP(text) !== 0 || /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) return text
  throw new CloisterError('bad-option', `--host ${text.slice(0, 60)} is no address to listen on.`, {
    hint: 'Write 0.0.0.0 for IPv4 alone, :: for IPv6 and IPv4, or one address without brackets.',
  })
}

/** A port as it is typed. Throws `bad-option`. */
function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new CloisterError('bad-option', USAGE)
  return Number(text)
}
