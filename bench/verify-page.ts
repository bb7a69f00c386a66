import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { DevelopmentRoot } from '@cloister/development/root'
import { say, table } from '@cloister/terminal'
import { buildVerifyPage } from '@cloister/verify-page'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { simulatedBundle } from '../e2e/simulated-bundle.ts'
import { hasVectors, quoteVectors } from '../packages/attest/peer/vectors.ts'
import { ms, spread } from './numbers.ts'

const CHROMIUM = '/usr/bin/chromium'
const ROUNDS = 100
const AIM_MS = 50
const AIM_BYTES = 150_000
/** Both are given a quote and its endorsements as they came, and read everything anew each time. */
const OURS = `import { verifyQuote } from '@cloister/attest'
globalThis.verify = async (quote, endorsements, instant) =>
  (await verifyQuote(quote, endorsements, { instant })).genuine`
const PEER = `import qvl from '@phala/dcap-qvl'
globalThis.verify = async (quote, endorsements, instant) => Boolean(qvl.verify(quote, endorsements, instant))`

/**
 * verify.html in Chromium: its size, and how long from a bundle that is chosen to the verdict that is shown.
 * Quotes alone are verified beside @phala/dcap-qvl, in the same browser.
 */
export async function benchVerifyPage(): Promise<void> {
  if (!existsSync(CHROMIUM)) return say(`Left out: there is no ${CHROMIUM}.`)
  const html = await buildVerifyPage()
  const [ours, peer] = await Promise.all([packed(OURS), packed(PEER)])
  const sizes = [
    ['verify.html', kilobytes(html), `${((100 * gzipSync(html).length) / AIM_BYTES).toFixed(0)}%`],
    ['quotes alone, ours', kilobytes(ours), ''],
    ['quotes alone, peer', kilobytes(peer), ''],
  ]
  say(table(['', 'gzip', 'of 150 kB'], sizes, ['gzip', 'of 150 kB']))
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
  })
  try {
    const bundles = spread(await timesOfPage(browser, html, folder))
    const rows = [
      ['a bundle, in verify.html', ms(bundles.median), ms(bundles.p90), '', aimed(bundles.median)],
    ]
    if (hasVectors) rows.push(...(await rowsOfQuotes(browser, ours, peer)))
    else say('Quotes alone are left out: there are no real ones in ../shared/vectors.')
    const columns = ['median', '90%', 'peer', 'ratio']
    say(table(['', ...columns], rows, columns))
    say(`${ROUNDS} of each, in Chromium ${browser.version()}`)
  } finally {
    await browser.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Chooses a bundle again and again, as a person does, and waits until the page has a verdict. */
async function timesOfPage(browser: Browser, html: string, folder: string): Promise<number[]> {
  await writeFile(join(folder, 'verify.html'), html)
  const page = await browser.newPage()
  await page.goto(pathToFileURL(join(folder, 'verify.html')).href)
  const root = await DevelopmentRoot.create()
  const network = { attestation: { root: Buffer.from(root.certificate).toString('base64') } }
  const given = [JSON.stringify(network), JSON.stringify(await simulatedBundle(root)), ROUNDS] as const
  // Runs in the page, whose types this project hasn't got.
  return page.evaluate(
    `(async ([network, bundle, rounds]) => {
      const choose = (id, text) => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([text], id + '.json'))
        const input = document.getElementById(id)
        input.files = transfer.files
        input.dispatchEvent(new Event('change'))
      }
      const sentence = document.getElementById('sentence')
      choose('network', network)
      const times = []
      for (let round = 0; round < rounds; round++) {
        const begun = performance.now()
        sentence.className = ''
        choose('bundle', bundle)
        await new Promise((resolve) => {
          const seen = new MutationObserver(() => sentence.className !== '' && (seen.disconnect(), resolve()))
          seen.observe(sentence, { attributes: true, childList: true })
        })
        times.push(performance.now() - begun)
        if (sentence.className !== 'fair') throw new Error(sentence.textContent)
      }
      return times
    })(${JSON.stringify(given)})`,
  )
}

async function rowsOfQuotes(browser: Browser, ours: string, peer: string): Promise<string[][]> {
  const rows: string[][] = []
  const pages = await Promise.all([ours, peer].map((script) => pageWith(browser, script)))
  // The third is too far out of date for us to call it genuine.
  for (const { name, quote, endorsements, instant } of quoteVectors().slice(0, 2)) {
    const given = [Buffer.from(quote).toString('base64'), endorsements, instant, ROUNDS]
    const times: { median: number; p90: number }[] = []
    for (const page of pages) times.push(spread(await timesOfQuotes(page, given)))
    const [mine, other] = times
    if (!mine || !other) continue
    const ratio = `${(other.median / mine.median).toFixed(1)} ×`
    rows.push([`quote ${name}`, ms(mine.median), ms(mine.p90), ms(other.median), ratio])
  }
  return rows
}

async function pageWith(browser: Browser, script: string): Promise<Page> {
  const page = await browser.newPage()
  // A secure context, without which there is no WebCrypto.
  await page.route('https://page.example/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '' }),
  )
  await page.goto('https://page.example/')
  await page.addScriptTag({ content: script })
  return page
}

function timesOfQuotes(page: Page, given: unknown[]): Promise<number[]> {
  return page.evaluate(
    `(async ([quote, endorsements, instant, rounds]) => {
      const bytes = Uint8Array.from(atob(quote), (character) => character.charCodeAt(0))
      const times = []
      for (let round = 0; round < rounds; round++) {
        const begun = performance.now()
        if (!(await verify(bytes, endorsements, instant))) throw new Error('not genuine')
        times.push(performance.now() - begun)
      }
      return times
    })(${JSON.stringify(given)})`,
  )
}

async function packed(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: join(import.meta.dirname, '../packages/attest') },
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2023',
    legalComments: 'none',
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}

function kilobytes(text: string): string {
  return `${(gzipSync(text).length / 1000).toFixed(0)} kB`
}

function aimed(median: number): string {
  return `aim ${AIM_MS} ms: ${median <= AIM_MS ? 'met' : 'missed'}`
}
