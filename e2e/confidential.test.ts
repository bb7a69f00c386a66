import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { hashManifest } from '@cloister/core'
import { inferenceManifest } from '@cloister/inference/protocol'
import { FakeAgent, startTestDoor, type TestDoor, testOptions } from '@cloister/inference/testing'
import { type Served, serve } from '@cloister/transport'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DOOR,
  FakeDoor,
  type InferenceStage,
  type Leased,
  startInferenceStage,
} from '../packages/sdk/src/inference/testing/endpoint.ts'
import type { Json } from './embedded.ts'

const CHROMIUM = '/usr/bin/chromium'
const ENGINE = {
  image: 'cloister/llama-server:1',
  digest: `sha256:${'e1'.repeat(32)}`,
  port: 8080,
  memoryMiB: 256,
  cpuMilli: 500,
}

/** What the agent's hardware would say: evidence of the lease's worker, out of the stage's platform. */
class ProvenAgent extends FakeAgent {
  prover: FakeDoor | undefined
  override async quote(data: Hex) {
    if (!this.prover) throw new Error('There is no platform yet.')
    return this.prover.quote(data)
  }
}

describe.skipIf(!existsSync(CHROMIUM))('a confidential fetch in a page', () => {
  let stage: InferenceStage
  let leased: Leased
  let door: TestDoor
  let prover: FakeDoor
  let origin: Served
  let browser: Browser

  beforeAll(async () => {
    stage = await startInferenceStage()
    const options = testOptions({ door: DOOR, engine: ENGINE })
    leased = await stage.lease(options)
    prover = await FakeDoor.start(stage.chain, leased, () => ({ pieces: [] }))
    const self = { lease: leased.lease, manifestHash: hashManifest(inferenceManifest(options)) }
    const agent = new ProvenAgent(stage.chain.network, self, leased.worker)
    agent.prover = prover
    door = await startTestDoor({ options, agent })
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, 'confidential/page.ts')],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2023',
      write: false,
      logLevel: 'silent',
    })
    const server = createServer((request, response) => {
      const isScript = request.url === '/page.js'
      response
        .writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
        .end(
          isScript
            ? outputFiles[0]?.text
            : '<!doctype html><title>A page</title><script type="module" src="/page.js"></script>',
        )
    })
    origin = await serve('The page', server, { host: '127.0.0.1', port: 0 })
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    })
  }, 240_000)
  afterAll(async () => {
    await browser?.close()
    await origin?.close()
    prover?.close()
    await door?.close()
    await stage?.stop()
  }, 60_000)

  it('verifies the endpoint in the page, and shows the wire neither prompt nor answer nor key', async () => {
    const page = await browser.newPage()
    page.on('pageerror', (error) => console.error(error))
    const seen: string[] = []
    page.on('request', (request) => seen.push(request.postDataBuffer()?.toString('latin1') ?? ''))
    await page.goto(`http://127.0.0.1:${origin.port}/`)
    const answer = await page.evaluate(
      ([description, lease, url]) => (globalThis as Json)['askInPage'](description, lease, url),
      [stage.chain.network, leased.lease, door.url] as const,
    )
    expect(answer).toEqual({
      text: 'Paris is the capital of France.',
      problem: undefined,
      simulated: true,
      worker: leased.worker.address,
      outcome: 'complete',
    })
    expect(seen.join('')).not.toMatch(/France|sk-clo-page|messages/)
    expect(seen.filter((body) => body.length > 100).length).toBeGreaterThan(0)
  })
})
