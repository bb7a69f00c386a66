import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Stage, until } from '../embedded.ts'
import { BRIEF } from '../own-worker.ts'

const COMPOSE = `services:
  web:
    image: cloister/hello:1
    ports: ["8080"]
    x-domains: ["*.paused.example"]
    volumes: ["data:/data"]
    entrypoint: ["sh", "-c"]
    command: ["echo started >> /data/starts; exec node -e 'require(\`http\`).createServer((q,s)=>s.end()).listen(8080)'"]
${BRIEF}    deploy: { resources: { limits: { cpus: "0.5", memory: 64M } } }
volumes:
  data: { x-size: 64m }
`

/** As `tsig-keygen` writes it. */
const KEY = 'key "acme" { algorithm hmac-sha256; secret "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyEh"; };'

/** A lease that its tenant pauses, and has run again. */
export function pausingTests(raised: () => Stage): void {
  describe('a lease that is paused', () => {
    let stage: Stage
    beforeAll(() => {
      stage = raised()
    })

    it('runs nothing and costs its disk alone, and goes on with its volumes for what it cost', async () => {
      const path = join(stage.folder, 'paused.yaml')
      await writeFile(path, COMPOSE)
      await writeFile(join(stage.folder, 'acme.key'), KEY)
      const { lease, ratePerSecond: rate } = await stage.json(
        'deploy',
        path,
        ...['--for', '1h', '--dns', '127.0.0.1:5353', '--dns-key', 'acme.key'],
      )
      const domains = (...words: string[]) => stage.json('domains', lease, '--no-check', ...words)
      expect(await domains()).toMatchObject({ hasDnsAccess: true, domains: [{ domain: '*.paused.example' }] })
      const starts = async () => (await stage.cloister('exec', lease, '--', 'cat', '/data/starts')).stdout
      await until('it has written', async () => (await starts()) === 'started\n')

      const paused = await stage.json('pause', lease)
      expect(BigInt(paused.ratePerSecond)).toBeLessThan(BigInt(rate))
      expect(paused).toMatchObject({ lease, previousRatePerSecond: rate })
      expect((await stage.cloister('exec', lease, '--', 'true')).code).not.toBe(0)
      const again = await stage.cloister('pause', lease)
      expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('is paused already, for')])
      expect((await stage.json('status', lease)).ratePerSecond).toBe(paused.ratePerSecond)

      // Not for more than is said; where nothing is, it may cost what it did.
      expect((await stage.cloister('resume', lease, '--yes', '--max-price', '0.000001')).code).toBe(1)
      const resumed = await stage.json('resume', lease)
      expect(resumed).toMatchObject({
        lease,
        ratePerSecond: rate,
        previousRatePerSecond: paused.ratePerSecond,
      })
      await until('it has started anew', async () => (await starts()) === 'started\nstarted\n')

      expect(await domains('--dns-off')).toMatchObject({ hasDnsAccess: false })
      const { spent, refund } = await stage.json('close', lease)
      expect(BigInt(spent) > 0n && BigInt(refund) > 0n).toBe(true)
    }, 120_000)
  })
}
