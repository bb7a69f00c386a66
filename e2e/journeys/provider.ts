import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest'
import { commandLine, freePort, type Json, type Stage, until } from '../embedded.ts'

const HELLO = resolve(import.meta.dirname, '../../examples/hello/compose.yaml')
const COMMAND = resolve(import.meta.dirname, '../../apps/cli/src/main.mjs')

/** A provider joins, sets prices, earns and leaves. */
export function providerTests(raised: () => Stage): void {
  describe('a provider that nobody knows', () => {
    let stage: Stage
    let config: string
    let port: number
    let daemon: { child: ChildProcess; code: Promise<unknown>; said(): string } | undefined
    let worker: string
    let provider: string

    const run = async () => {
      await stop()
      let printed = ''
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', COMMAND, 'provider', 'run', '-c', config],
        { env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
      )
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
      daemon = { child, code: new Promise((done) => child.once('exit', done)), said: () => printed }
      await until(
        'the worker is open',
        async () =>
          printed.includes('open for leases') ||
          (child.exitCode !== null && Promise.reject(new Error(printed))),
      )
    }
    /** Its exit code, if it was started. */
    const stop = async () => {
      daemon?.child.kill('SIGINT')
      return daemon?.code
    }

    beforeAll(async () => {
      // With wallets of its own: where there is one alone, nobody has to say which.
      const home = join(raised().folder, 'bob')
      mkdirSync(home)
      stage = { ...raised(), ...commandLine(join(raised().folder, 'state/network.json'), home) }
      config = join(stage.folder, 'provider.yaml')
      port = await freePort()
      provider = (await stage.json('wallet', 'create', '--name', 'bob')).address
      await stage.json('wallet', 'faucet', '--account', 'bob')
    }, 120_000)

    afterAll(async () => {
      await stop()
    }, 180_000)

    // What the worker said belongs to a test that fails.
    beforeEach(() => onTestFailed(() => console.error(daemon?.said())))

    it('joins with one command and nobody’s consent', async () => {
      const joined = await stage.json(
        'provider',
        'init',
        '-c',
        config,
        '--name',
        'bobs',
        '--port',
        String(port),
        '--account',
        'bob',
      )
      expect(joined).toMatchObject({ provider, outcome: 'registered' })
      worker = joined.worker
      expect(readFileSync(config, 'utf8')).toContain('# What is lent.')
      expect(statSync(join(stage.folder, '.cloister-worker/worker.key')).mode & 0o777).toBe(0o600)
      expect((await stage.json('provider', 'init', '-c', config, '--account', 'bob')).outcome).toBe(
        'unchanged',
      )
      expect((await stage.cloister('provider', 'init', '-c', config, '--account', 'dev5')).stderr).toContain(
        'belongs to the provider',
      )
    })

    it('sets prices that a running worker takes up at once', async () => {
      await stage.cloister('provider', 'price', 'USDC', '-c', config, '--cpu', '9', '--memory', '9')
      // The configuration it wrote has no image folder; the example's image is in the network's.
      const text = readFileSync(config, 'utf8').replace(
        /^# images:\n#\s+layouts: .*\n#.*\n/m,
        `images: { layouts: ["${join(stage.folder, 'state/images')}"] }\n`,
      )
      await import('node:fs/promises').then(({ writeFile }) => writeFile(config, text))
      await run()
      const priceOf = async () => {
        const { bids } = await stage.json('bids', HELLO, '--provider', provider)
        return bids[0] && Number(bids[0].ratePerSecond)
      }
      const dear = await until('it bids', priceOf)
      const prices = await stage.json(
        'provider',
        'price',
        'USDC',
        '-c',
        config,
        '--cpu',
        '0.001',
        '--memory',
        '0.001',
        '--disk',
        '0',
      )
      expect(prices.USDC).toMatchObject({ cpu: '0.001', memoryGiB: '0.001' })
      expect(readFileSync(config, 'utf8')).toContain('# What is lent.')
      await until('the new price holds', async () => ((await priceOf()) ?? dear) < dear)
      const wrong = await stage.cloister('provider', 'price', 'USDC', '-c', config, '--cpu', 'cheap')
      expect(wrong.stderr).toContain('not a price such as')
      expect((await stage.json('provider', 'price', '-c', config)).USDC.cpu).toBe('0.001')
    })

    it('gets no deposit out of a script that nobody who runs it could expect', async () => {
      const least = (amount: string) =>
        stage.json('provider', 'price', 'USDC', '-c', config, '--minimum-deposit', amount)
      const asked = async () =>
        (await stage.json('bids', HELLO, '--provider', provider)).bids[0]?.minimumDeposit
      const deploy = (...words: string[]) =>
        stage.cloister('deploy', HELLO, '--provider', provider, '--for', '1h', ...words)
      await least('700')
      await until('it asks for much', async () => (await asked()) === '700000000')
      const refused = await deploy('--yes')
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining('Say --deposit 700 to agree.'),
      ])
      expect(JSON.parse((await deploy('--json')).stdout).error.code).toBe('deposit-unexpected')
      await least('0.01')
      await until('it asks for little', async () => (await asked()) !== '700000000')
    })

    it('is the cheapest, so it is leased; earns, and takes the money out', async () => {
      const lease = await stage.json('deploy', HELLO, '--deposit', '1', '--timeout', '90s', '--yes')
      expect(lease.worker).toBe(worker)
      const status = await stage.json('provider', 'status', '-c', config)
      expect(status).toMatchObject({ worker, provider, answers: true, attestation: 'simulated' })
      expect(status.openLeases.map((open: Json) => open.lease)).toEqual([lease.lease])
      expect((await stage.cloister('provider', 'end', lease.lease, '--account', 'dev5')).stderr).toContain(
        `is served by ${provider}`,
      )
      const { noticeUntil, transaction } = await stage.json(
        'provider',
        'end',
        lease.lease,
        '--account',
        'bob',
      )
      expect(noticeUntil).toBeGreaterThan(Date.now() / 1000 + 23 * 3600)
      expect(transaction).toMatch(/^0x/)
      const again = await stage.cloister('provider', 'end', lease.lease, '--account', 'bob')
      expect(again.stdout).toContain(
        `had notice: it ends ${new Date(noticeUntil * 1000).toISOString().slice(0, 10)}`,
      )
      expect((await stage.json('status', lease.lease)).noticeUntil).toBe(noticeUntil)
      expect((await stage.cloister('status', lease.lease)).stdout).toContain(
        'the provider ends this lease on',
      )
      await stage.json('close', lease.lease)
      const earned = (await stage.json('provider', 'status', '-c', config)).withdrawable.find(
        (entry: Json) => entry.symbol === 'USDC',
      )
      expect(BigInt(earned.amount)).toBeGreaterThan(0n)
      const before = BigInt(
        (await stage.json('wallet', 'balance', '--account', 'bob')).balances.find(
          (entry: Json) => entry.symbol === 'USDC',
        ).balance,
      )
      expect(await stage.json('provider', 'withdraw', '-c', config, '--account', 'bob')).toMatchObject([
        { symbol: 'USDC' },
      ])
      const after = BigInt(
        (await stage.json('wallet', 'balance', '--account', 'bob')).balances.find(
          (entry: Json) => entry.symbol === 'USDC',
        ).balance,
      )
      expect(after - before).toBe(BigInt(earned.amount))
      const { items } = (await (
        await fetch(`${stage.embedded.network.indexerUrl}/v1/payments?account=${provider}`)
      ).json()) as { items: Json[] }
      expect(items.map((payment) => payment.kind)).toEqual(
        expect.arrayContaining(['earning', 'fee', 'withdrawal']),
      )
    })

    it('stops cleanly: coverage ends, and the record stays', async () => {
      expect(await stop(), daemon?.said()).toBe(0)
      const away = await until('the index knows', async () => {
        const found = (await stage.json('workers')).find((known: Json) => known.worker === worker)
        return found.coveredUntil <= Date.now() / 1000 + 2 && found
      })
      // More than one where the lease took a second try.
      expect(away.leasesServed).toBeGreaterThanOrEqual(1)
      expect(away).toMatchObject({ provider, openLeases: 0 })
      expect((await stage.json('bids', HELLO, '--provider', provider)).bids).toEqual([])
      expect(
        (await stage.json('providers')).find((known: Json) => known.provider === provider),
      ).toMatchObject({
        workers: 1,
        coveredWorkers: 0,
        leasesServed: away.leasesServed,
      })
    })
  })
}
