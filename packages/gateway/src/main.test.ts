import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ASK } from './inference/asking.ts'
import { listen, raiseStage, type Stage } from './inference/testing.ts'

const ADDRESS = `0x${'11'.repeat(20)}`
const CONTRACTS =
  'admission platforms workers market apps keyService stake emission slashing revocationFund safe'

let folder: string
let stage: Stage

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-daemon-'))
  stage = await raiseStage(1)
  const indexerUrl = `http://127.0.0.1:${(stage.index.address() as AddressInfo).port}`
  const network = {
    name: 'tested',
    chainId: 1,
    rpcUrl: 'http://127.0.0.1:1',
    pollingIntervalMs: 1_000,
    contracts: Object.fromEntries(CONTRACTS.split(' ').map((name) => [name, ADDRESS])),
    deployedAt: 0,
    emissionStart: 0,
    tokens: [{ symbol: 'USDC', decimals: 6, address: ADDRESS }],
    indexerUrl,
    gatewayUrl: indexerUrl,
    attestation: { endorsementsUrl: indexerUrl },
    development: true,
  }
  await writeFile(join(folder, 'network.json'), JSON.stringify(network))
})

afterEach(async () => {
  await stage.end()
  await rm(folder, { recursive: true, force: true })
})

/** A gateway of its own process. */
function start(words: string[], env: NodeJS.ProcessEnv = {}) {
  const files = ['--network', join(folder, 'network.json'), '--ports', join(folder, 'ports.json')]
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'main.ts'), ...files, '--host', '127.0.0.1', '--port', '0', ...words],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator](), exited: once(child, 'exit') }
}

it('sends traces where OpenTelemetry’s variables say, and what waits when it stops', async () => {
  const got: string[] = []
  const collector = await listen(
    createServer(async (request, response) => {
      got.push(`${request.url} ${Buffer.concat(await request.toArray())}`)
      response.end('{}')
    }),
  )
  const { child, lines, exited } = start([], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_SERVICE_NAME: 'service-of-operator',
  })
  try {
    const [, port] = /localhost:(\d+)/.exec((await lines.next()).value ?? '') ?? []
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { connection: 'close' },
      body: JSON.stringify(ASK),
    })
    expect(await answer.text()).toContain('I am worker 0')
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(got.join()).toMatch(/^\/v1\/traces .*"service-of-operator".*"chat tiny".*"chat tiny"/)
    expect(got.join()).not.toContain('I am')
  } finally {
    child.kill('SIGKILL')
    collector.close()
  }
})

it('does not start where the collector is no address', async () => {
  const { lines, exited } = start(['--traces', 'my-collector'])
  expect((await lines.next()).value).toContain('begins with http(s)')
  expect(await exited).toEqual([1, null])
})
