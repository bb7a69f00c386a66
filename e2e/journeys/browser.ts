import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Stage, until } from '../embedded.ts'

const CHROMIUM = '/usr/bin/chromium'
const HELLO = resolve(import.meta.dirname, '../../examples/hello/compose.yaml')
/** Where to leave pictures for a person to look at; none are kept otherwise. */
const PICTURES = process.env['CLOISTER_PICTURES']

/** What a person sees of a lease in a browser: its page, or the gateway's before and after. */
export function browserTests(raised: () => Stage): void {
  describe.skipIf(!existsSync(CHROMIUM))('in a browser', () => {
    let stage: Stage
    let browser: Browser

    beforeAll(async () => {
      stage = raised()
      browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: [
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ],
      })
    }, 300_000)

    afterAll(async () => {
      await browser?.close()
    }, 180_000)

    it('a deployed page is reached by name, by id and by loopback port, and says when it has ended', async () => {
      const lease = await stage.json('deploy', HELLO, '--for', '1h', '--name', 'in-a-browser', '--yes')
      const page = await browser.newPage()
      const picture = async (name: string) =>
        PICTURES && (await page.screenshot({ path: join(PICTURES, `${name}.png`) }))
      const [route] = lease.routes
      for (const address of [route.namedUrl, route.url, route.loopbackUrl]) {
        await page.goto(address)
        expect(await page.getByRole('heading').textContent(), address).toBe('Hello from a lease')
        expect(await page.getByText(lease.lease).isVisible()).toBe(true)
      }
      await picture('hello')
      expect(Number(await page.locator('#visits').textContent())).toBeGreaterThanOrEqual(3)

      await page.goto(route.namedUrl.replace('in-a-browser', 'nobody-here'))
      expect(await page.getByRole('heading').textContent()).toBe('No such lease')
      await picture('unknown')

      await stage.json('close', lease.lease)
      await until('the page says that it is closed', async () => {
        await page.goto(route.url)
        return (await page.getByRole('heading').textContent()) === 'Closed'
      })
      await picture('closed')
    })

    it('a page that is starting loads itself again until it is there', async () => {
      const file = join(stage.folder, 'slow.yaml')
      const script =
        'setTimeout(() => require("http").createServer((q, s) => s.end("<h1>Here at last</h1>")).listen(8080), 4000)'
      await writeFile(
        file,
        `services:\n  web:\n    image: cloister/hello:1\n    command: ["node", "-e", '${script}']\n    ports: ["8080"]\n    deploy: { resources: { limits: { cpus: "0.25", memory: 128M } } }\n`,
      )
      const deploying = stage.json('deploy', file, '--for', '1h', '--name', 'slow', '--yes')
      const page = await browser.newPage()
      await until('the lease is known', async () => {
        const answer = await page.goto(
          `http://slow.localhost:${new URL(stage.embedded.network.gatewayUrl).port}/`,
        )
        return answer?.status() === 503
      })
      expect(await page.getByRole('heading').textContent()).toBe('Starting')
      if (PICTURES) await page.screenshot({ path: join(PICTURES, 'starting.png') })
      await page.getByText('Here at last').waitFor({ timeout: 15_000 })
      const { lease } = await deploying
      await stage.json('close', lease)
    })
  })
}
