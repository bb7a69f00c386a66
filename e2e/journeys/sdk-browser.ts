import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { developmentAccount, developmentKey } from '@cloister/development/accounts'
import { type Served, serve } from '@cloister/transport'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json, Stage } from '../embedded.ts'

const CHROMIUM = '/usr/bin/chromium'
const HELLO = resolve(import.meta.dirname, '../../examples/hello/compose.yaml')

/** The SDK as a page bundles it, against the network. */
export function pageTests(raised: () => Stage): void {
  describe.skipIf(!existsSync(CHROMIUM))('the SDK in a page', () => {
    let stage: Stage
    let browser: Browser
    let page: Page
    let origin: Served
    const asked = new Set<string>()
    const call = (name: string, ...values: unknown[]): Promise<Json> =>
      page.evaluate(
        ([called, given]) => (globalThis as Json)[called as string](...(given as unknown[])),
        [name, values],
      )

    beforeAll(async () => {
      stage = raised()
      const bundle = await bundlePage()
      const server = createServer((request, response) => {
        const isScript = request.url === '/page.js'
        response
          .writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
          .end(
            isScript
              ? bundle
              : '<!doctype html><title>A page</title><script type="module" src="/page.js"></script>',
          )
      })
      origin = await serve('The page', server, { host: '127.0.0.1', port: 0 })
      browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      })
      page = await browser.newPage()
      page.on('request', (request) => asked.add(new URL(request.url()).origin))
      page.on('pageerror', (error) => console.error(error))
      await page.goto(`http://127.0.0.1:${origin.port}/`)
    }, 120_000)

    afterAll(async () => {
      await browser?.close()
      await origin?.close()
    }, 60_000)

    it('reads providers, leases and stake', async () => {
      const { address } = developmentAccount(stage.embedded.network, 1)
      expect(await call('look', stage.embedded.network, address)).toMatchObject({
        network: stage.embedded.network.name,
        workers: 3,
        providers: 3,
        leases: 0,
        staked: expect.stringMatching(/^[1-9]\d+$/),
      })
    })

    it('deploys, checks the evidence, follows the log and closes, and asks no worker but sealed', async () => {
      const { network } = stage.embedded
      const key = developmentKey(network, 5)
      const walked = await call('walk', network, key, readFileSync(HELLO, 'utf8'))
      expect(walked).toMatchObject({
        steps: ['bids', 'evidence', 'transaction', 'manifest', 'start', 'address'],
        genuine: true,
        simulated: true,
        sentence: expect.stringMatching(/^Simulated: /),
        names: walked.lease,
        logged: [expect.any(String)],
        state: 'running',
        isRefunded: true,
      })
      const workers = (await stage.json('workers')).map(({ endpoint }: Json) => new URL(endpoint).origin)
      expect(workers).toHaveLength(3)
      expect(workers.filter((endpoint: string) => asked.has(endpoint))).toEqual([])
    })
  })
}

/** As anybody would who has esbuild: no shims, no polyfills, nothing of Node's. */
async function bundlePage(): Promise<string> {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(import.meta.dirname, 'sdk-page.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
    logLevel: 'silent',
  })
  expect(warnings).toEqual([])
  return outputFiles[0]?.text ?? ''
}
