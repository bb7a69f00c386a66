import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { workerBinding } from '@cloister/core'
import { DevelopmentRoot } from '@cloister/development/root'
import type { EvidenceBundle } from '@cloister/verify'
import { writeVerifyPage } from '@cloister/verify-page'
import { type Browser, chromium, type Page } from 'playwright-core'
import { zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedBundle } from './simulated-bundle.ts'

const CHROMIUM = '/usr/bin/chromium'
const PICTURES = process.env['CLOISTER_PICTURES']

describe.skipIf(!existsSync(CHROMIUM))(
  'verify.html, in a browser without a network',
  () => {
    let folder: string
    let browser: Browser
    let page: Page
    let bundle: EvidenceBundle
    const asked: string[] = []

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-verify-'))
      await writeVerifyPage(join(folder, 'verify.html'))
      const root = await DevelopmentRoot.create()
      bundle = await simulatedBundle(root)
      await writeFile(
        join(folder, 'network.json'),
        JSON.stringify({ attestation: { root: Buffer.from(root.certificate).toString('base64') } }),
      )
      browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
      })
      const context = await browser.newContext({ offline: true })
      page = await context.newPage()
      page.on('request', (request) => asked.push(request.url()))
      await page.goto(pathToFileURL(join(folder, 'verify.html')).href)
    }, 60_000)

    afterAll(async () => {
      await browser?.close()
      await rm(folder, { recursive: true, force: true })
    })

    const choose = async (label: string, name: string, content: unknown) => {
      await writeFile(join(folder, name), JSON.stringify(content))
      await page.getByLabel(label).setInputFiles(join(folder, name))
      await expect.poll(() => page.getByRole('status').textContent()).not.toMatch(/^(Checking…)?$/)
      return page.getByRole('status').textContent()
    }
    const picture = async (name: string) =>
      PICTURES && (await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true }))

    it('does not believe in a development root by itself', async () => {
      expect(await choose('Bundle', 'bundle.json', bundle)).toMatch(/^Do not trust this/)
      await picture('verify-untrusted')
    })

    it('shows every check, and says simulated, once the network’s root is given', async () => {
      await page.getByText('It is from a development network').click()
      await page.getByLabel('network.json').setInputFiles(join(folder, 'network.json'))
      await expect
        .poll(() => page.getByRole('status').textContent())
        .toMatch(/^Simulated: on .* the app of this lease ran on a development platform; every check holds/)
      for (const heading of [
        '✔ Hardware: TDX, a development platform (simulated)',
        '✔ Worker: the quote is this worker’s, and fresh',
        '✔ Guest: the system it runs',
      ])
        expect(await page.getByRole('heading', { name: heading }).isVisible()).toBe(true)
      expect(await page.getByText('This manifest has that hash').isVisible()).toBe(true)
      await picture('verify-simulated')
    })

    it('points at what was touched, and runs nothing that a bundle holds', async () => {
      const touched = structuredClone(bundle)
      touched.evidence.tlsKeyHash = zeroHash
      expect(await choose('Bundle', 'touched.json', touched)).toBe(
        'Do not trust this: The quote was made for another worker, provider, network or TLS key: found ' +
          `${await reportData()}, expected ${binding(touched)}.`,
      )
      await picture('verify-touched')
      const hostile = {
        ...bundle,
        network: { ...bundle.network, name: '<img src=x onerror="document.title=1">' },
        format: '<script>document.title=1</script>',
      }
      expect(await choose('Bundle', 'hostile.json', hostile)).toContain('The bundle is wrong at format')
      expect(await page.title()).toBe('Cloister: check evidence')
      await writeFile(join(folder, 'nonsense.json'), 'nonsense')
      await page.getByLabel('Bundle').setInputFiles(join(folder, 'nonsense.json'))
      await expect
        .poll(() => page.getByRole('status').textContent())
        .toBe('Do not trust this: nonsense.json is not JSON.')
    })

    it('asked nobody anything', () => {
      expect(asked.filter((url) => !url.startsWith('file:'))).toEqual([])
    })

    const reportData = async () =>
      `0x${Buffer.from(bundle.evidence.quote, 'base64').subarray(568, 600).toString('hex')}`
    const binding = ({ network, worker, evidence }: EvidenceBundle) =>
      workerBinding({
        chainId: network.chainId,
        workers: network.workers,
        provider: worker.provider,
        worker: worker.address,
        tlsKeyHash: evidence.tlsKeyHash,
      })
  },
  30_000,
)
