import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Json, type Stage, until } from '../embedded.ts'
import { BRIEF } from '../own-worker.ts'

const compose = (script: string, more = '') =>
  `services:\n  web:\n    image: cloister/hello:1\n    entrypoint: ["sh", "-c"]\n    command: [${JSON.stringify(script)}]\n${BRIEF}${more}    deploy: { resources: { limits: { cpus: "0.1", memory: 128M } } }\n`

/** What a tenant reads where something goes wrong. */
export function failureTests(raised: () => Stage): void {
  describe('what a tenant is told when something goes wrong', () => {
    let stage: Stage

    const file = async (name: string, text: string) => {
      const path = join(stage.folder, name)
      await writeFile(path, text)
      return path
    }

    beforeAll(() => {
      stage = raised()
    })

    it('is why a container ends, and what it printed last, within seconds', async () => {
      const path = await file(
        'crash.yaml',
        compose(
          'echo connecting; echo "FATAL: DATABASE_URL is empty" >&2; exit 7',
          '    restart: always\n    ports: ["8000"]\n',
        ),
      )
      const begun = Date.now()
      const { code, stderr } = await stage.cloister('deploy', path, '--yes')
      expect(code).toBe(1)
      expect(stderr).toContain('web-0 does not start: it ended with code 7')
      expect(stderr).toContain('FATAL: DATABASE_URL is empty')
      expect(stderr).toContain('The lease is closed and the rest of the deposit is back.')
      expect(Date.now() - begun).toBeLessThan(60_000)
      const failed = await stage.cloister(
        'deploy',
        await file('once.yaml', compose('echo only once; exit 9', '    restart: "no"\n')),
        '--yes',
        '--json',
      )
      const { error } = JSON.parse(failed.stdout)
      expect(error).toMatchObject({
        code: 'start-failed',
        details: { last: { container: 'web-0', lines: ['only once'] } },
      })
      expect(error.message).toContain('it ended with code 9')
      // The lease is closed; what is left of it is its tenant's to read for a day.
      const { lease } = error.details
      const left = await until('what is left is kept', async () => {
        const logs = await stage.cloister('logs', lease)
        return logs.stdout.includes('only once') ? logs : undefined
      })
      expect(left.stdout).toBe('web-0      only once\n')
      const status = await stage.cloister('status', lease)
      expect(status.stdout).toMatch(/web-0 +failed .*it ended with code 9/)
      const events = await stage.cloister('events', lease)
      expect(events.stdout).toContain('it ended with code 9')
      expect(events.stdout).not.toContain('only once')
      const stranger = await stage.cloister('logs', lease, '--account', 'dev5')
      expect(stranger.stderr).toContain('belongs to')
    })

    it('is that time is up, where somebody set one, and how far it got', async () => {
      const path = await file('slow.yaml', compose('while :; do sleep 1; done', '    ports: ["8000"]\n'))
      const { stderr } = await stage.cloister('deploy', path, '--yes', '--timeout', '24s')
      expect(stderr).toMatch(
        /It is not ready after \d+ s: web-0 is starting \(nothing listens on port 8000 in it yet\)/,
      )
    })

    it('is that there is no money, before anything is asked or sent', async () => {
      const { address } = await stage.json('wallet', 'create', '--name', 'poor')
      const path = await file('poor.yaml', compose('sleep 60'))
      const { code, stderr } = await stage.cloister('deploy', path, '--account', 'poor', '--yes')
      expect(code).toBe(1)
      expect(stderr).toContain(`The account ${address} has no ether`)
      expect(stderr).toContain('cloister wallet faucet')
      await stage.json('wallet', 'faucet', '--account', 'poor')
      const rich = await stage.cloister('deploy', path, '--account', 'poor', '--deposit', '5000', '--yes')
      expect(rich.stderr).toContain('has 1000 USDC; the deposit is 5000 USDC')
    })

    it('is nothing, where several commands of one wallet run at a time', async () => {
      const path = await file('many.yaml', compose('sleep 600'))
      const all: Json[] = await Promise.all(
        ['a', 'b', 'c'].map((name) =>
          stage.json('deploy', path, '--name', `many-${name}`, '--account', 'poor'),
        ),
      )
      expect(new Set(all.map(({ lease }) => lease)).size).toBe(3)
      // Scripts may say --yes to whatever they run.
      await Promise.all(all.map(({ lease }) => stage.json('close', lease, '--account', 'poor', '--yes')))
    })

    it('is the command’s own exit code, of whichever copy it ran in', async () => {
      const path = await file(
        'copies.yaml',
        compose('echo copy of $HOSTNAME; sleep 600').replace('deploy: {', 'deploy: { replicas: 2,'),
      )
      const { lease } = await stage.json('deploy', path, '--yes')
      expect((await stage.cloister('exec', lease, '--', 'sh', '-c', 'exit 42')).code).toBe(42)
      expect((await stage.cloister('exec', lease, '--', 'sh', '-c', 'kill -9 $$')).code).toBe(137)
      for (const replica of ['0', '1']) {
        const lines = await stage.cloister('logs', lease, '--service', 'web', '--replica', replica)
        expect(lines.stdout).toContain(`web-${replica}`)
        expect(lines.stdout.trim().split('\n')).toHaveLength(1)
        expect(
          (await stage.cloister('exec', lease, '--service', 'web', '--replica', replica, '--', 'true')).code,
        ).toBe(0)
      }
      const none = await stage.cloister('exec', lease, '--service', 'web', '--replica', '7', '--', 'true')
      expect(none.code).toBe(125)
      await stage.json('close', lease)
    })

    it('is what a file of evidence holds, in whatever form it is', async () => {
      const { worker } = (await stage.json('workers'))[0]
      const bundle = await stage.json('evidence', worker)
      const quote = Buffer.from(bundle.evidence.quote, 'base64')
      for (const [name, content] of [
        ['quote.bin', quote],
        ['quote.hex', quote.toString('hex')],
        ['quote.json', JSON.stringify({ quote: quote.toString('hex'), event_log: '' })],
      ] as const) {
        await writeFile(join(stage.folder, name), content)
        const found = await stage.json('verify', `./${name}`)
        expect(found).toMatchObject({ ok: true, documents: [{ genuine: true, simulated: true }] })
      }
      const asked = await stage.cloister('verify', './quote.bin', '--report-data', '0x1234')
      expect(asked.code).toBe(1)
      expect(asked.stdout).toContain('The report data is another than was asked for')
      const none = await stage.cloister('verify', await file('nothing.txt', 'not evidence'))
      expect(none.code).toBe(1)
      expect(none.stderr).toContain('There is no evidence of a known form in it')
    })
  })
}
