import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  connectChain,
  connectWallet,
  getCredit,
  getLease,
  getTokenBalance,
  MARKET_ABI,
  settleLeases,
} from '@cloister/chain'
import { defaultPolicy, parseManifest } from '@cloister/core'
import { developmentAccount, developmentKey } from '@cloister/development/accounts'
import { openPhrase } from '@cloister/migration/keys'
import { createCloister, leases } from '@cloister/sdk'
import { type Hex, parseEventLogs } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  canDeploy,
  environmentOf,
  type Json,
  processesOf,
  raiseStage,
  type Stage,
  until,
} from './embedded.ts'
import { replicasJourney } from './replicas.ts'

const HELLO = resolve(import.meta.dirname, '../examples/hello/compose.yaml')
const PROGRAM = resolve(import.meta.dirname, '../examples/sdk-deploy/deploy.ts')
const TENANT = 4
/** Substrate's development phrase. */
const OLD_PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk'

const service = (lines: string) =>
  `services:\n  web:\n    image: cloister/hello:1\n    ports: ["8080"]\n    volumes: ["visits:/data"]\n    restart: always\n    deploy: { resources: { limits: { cpus: "0.25", memory: 128M } } }\n${lines}volumes:\n  visits:\n`

describe.skipIf(!canDeploy)(
  'the walk of a tenant',
  () => {
    let stage: Stage
    let deployed: Json
    let url: string

    const chain = () => connectChain(stage.embedded.network)
    const token = (symbol: string) =>
      stage.embedded.network.tokens.find((known) => known.symbol === symbol)?.address ?? '0x'
    const balance = (account: number, symbol = 'USDC') =>
      getTokenBalance(chain(), token(symbol), developmentAccount(stage.embedded.network, account).address)
    const page = async () => (await fetch(url)).text()
    const file = async (name: string, text: string) => {
      const path = join(stage.folder, name)
      await writeFile(path, text)
      return path
    }

    /** `cloister logs LEASE -f`, with what it has printed so far. */
    const follow = (lease: string) => {
      const child = spawn(
        process.execPath,
        [resolve(import.meta.dirname, '../apps/cli/src/main.mjs'), 'logs', lease, '-f'],
        {
          env: environmentOf(join(stage.folder, 'state/network.json'), stage.folder),
        },
      )
      const following = { child, seen: '', code: new Promise((done) => child.once('close', done)) }
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => (following.seen += chunk))
      return following
    }

    beforeAll(async () => {
      stage = await raiseStage()
    }, 120_000)

    afterAll(() => stage.end(), 180_000)

    it('finds the example running', async () => {
      const { status, routes } = stage.embedded.example
      expect(status.state).toBe('running')
      expect(await (await fetch(routes[0]?.loopbackUrl ?? '')).text()).toContain('Hello from a lease')
    })

    it('shows bids side by side without a transaction', async () => {
      const before = await chain().client.getTransactionCount({
        address: developmentAccount(stage.embedded.network, TENANT).address,
      })
      const { bids } = await stage.json('bids', HELLO)
      expect(bids).toHaveLength(3)
      const rates = bids.map((bid: Json) => BigInt(bid.ratePerSecond))
      expect(rates).toEqual([...rates].sort((a, b) => (a < b ? -1 : 1)))
      expect(new Set(bids.map((bid: Json) => bid.provider)).size).toBe(3)
      expect(bids.every((bid: Json) => bid.attestation === 'simulated')).toBe(true)
      expect(
        await chain().client.getTransactionCount({
          address: developmentAccount(stage.embedded.network, TENANT).address,
        }),
      ).toBe(before)
      const { stdout } = await stage.cloister('bids', HELLO)
      expect(stdout).toMatch(/USDC\/hour.*worker.*provider.*free.*uptime/)
    })

    it('deploys with one transaction, the cheapest bid, and every step timed', async () => {
      const account = developmentAccount(stage.embedded.network, TENANT).address
      const nonce = await chain().client.getTransactionCount({ address: account })
      deployed = await stage.json('deploy', HELLO, '--for', '2h', '--name', 'mine', '--yes')
      url = deployed.url.web
      expect(processesOf(stage.folder, deployed.lease)).not.toEqual([])
      expect(deployed).toMatchObject({
        lease: expect.stringMatching(/^0x[0-9a-f]{64}$/),
        manifestHash: expect.any(String),
        transaction: expect.any(String),
        ratePerSecond: '2',
        deposit: String(2 * 7200),
      })
      for (const step of ['bids', 'transaction', 'manifest', 'start', 'address'])
        expect(deployed.timings[step]).toBeGreaterThanOrEqual(0)
      expect(await chain().client.getTransactionCount({ address: account })).toBe(nonce + 1)
      expect(await page()).toContain('Hello from a lease')
    })

    it('is reached by id and by name, and nothing else is', async () => {
      const gateway = stage.embedded.network.gatewayUrl
      const port = new URL(gateway).port
      const { get } = await import('node:http')
      const status = (host: string) =>
        new Promise<number | undefined>((done, fail) =>
          get(gateway, { headers: { host } }, (response) => done(response.resume().statusCode)).on(
            'error',
            fail,
          ),
        )
      expect(await status(`mine.localhost:${port}`)).toBe(200)
      expect(await status(`${deployed.lease.slice(2, 18)}-web.localhost:${port}`)).toBe(200)
      expect(await status(`${deployed.lease.slice(2, 18)}-db.localhost:${port}`)).toBe(404)
      expect(await status('example.com')).toBe(421)
    })

    it('says what runs, what it costs and how long the money lasts', async () => {
      const status = await stage.json('status', 'mine')
      expect(status).toMatchObject({
        state: 'running',
        attestation: 'simulated',
        name: 'mine',
        uncoveredSeconds: 0,
      })
      expect(status.services).toMatchObject([
        { name: 'web-0', state: 'running', restarts: 0, digest: expect.stringMatching(/^sha256:/) },
      ])
      expect(BigInt(status.spent) + BigInt(status.balance)).toBe(BigInt(status.deposit))
      expect(status.paidUntil).toBeGreaterThan(Date.now() / 1000 + 3600)
      const all = await stage.json('ps')
      expect(all.map((lease: Json) => lease.lease)).toEqual([deployed.lease])
      expect((await stage.cloister('ps')).stdout).toContain('simulated')
    })

    it('shows logs, events and metrics', async () => {
      const logs = await stage.cloister('logs', 'mine')
      expect(logs.stdout).toContain('listening on port 8080')
      const events = (await stage.cloister('events', 'mine', '--json')).stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).kind)
      expect(events).toEqual(expect.arrayContaining(['opened', 'manifest', 'image', 'running']))
      const { containers } = await stage.json('metrics', 'mine')
      expect(containers).toMatchObject([{ name: 'web-0', memoryMiBLimit: 128 }])
      expect(containers[0].memoryBytes).toBeGreaterThan(0)
    })

    it('follows logs while the service prints', async () => {
      const following = follow('mine')
      await until('the first lines are there', async () => following.seen.includes('listening'))
      await fetch(url, { headers: { 'user-agent': 'the-walk' } })
      await until('the new line comes', async () => following.seen.includes('the-walk'))
      following.child.kill('SIGINT')
      expect(await following.code).toBe(0)
    })

    it('runs commands and hands their exit code on', async () => {
      const good = await stage.cloister(
        'exec',
        'mine',
        '--',
        'sh',
        '-c',
        'echo from inside; cat /data/visits',
      )
      expect(good.code).toBe(0)
      expect(good.stdout).toMatch(/^from inside\n\d+/)
      expect((await stage.cloister('exec', 'mine', '--', 'sh', '-c', 'exit 3')).code).toBe(3)
    })

    it('pays an account of the old chain where its key says', async () => {
      // The first account of Substrate's development phrase.
      const old = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
      const to = privateKeyToAccount(generatePrivateKey()).address
      const { amount, legacyAmount } = await stage.json('migrate', 'check', old)
      expect([amount, legacyAmount]).toEqual([String(1_000n * 10n ** 18n), String(1_000n * 10n ** 12n)])
      const { text, missing } = await stage.json('migrate', 'claim', old, '--to', to)
      expect(missing).toBe(1)
      const key = await openPhrase(`${OLD_PHRASE}//Alice`, 'sr25519')
      const signed = ['migrate', 'claim', old, '--to', to, '--signature', key.sign(text)]
      const { transactions } = await stage.json(...signed)
      expect(transactions).toHaveLength(1)
      expect(await getTokenBalance(chain(), token('CLOI'), to)).toBe(BigInt(amount))
      expect((await stage.cloister(...signed, '--yes')).stderr).toContain('was claimed before')
      expect((await stage.json('migrate', 'check', old)).claimed).toBe(amount)
    })

    it('keeps strangers out', async () => {
      const stranger = await stage.cloister('status', 'mine', '--account', 'dev5', '--json')
      expect(JSON.parse(stranger.stdout).state).toBe('open')
      expect((await stage.cloister('logs', 'mine', '--account', 'dev5')).stderr).toContain('belongs to')
      expect((await stage.cloister('close', 'mine', '--account', 'dev5')).code).toBe(1)
    })

    it('updates in place: same address, same volume', async () => {
      const visits = Number(/visits">(\d+)/.exec(await page())?.[1])
      const updated = await stage.json(
        'update',
        'mine',
        await file('second.yaml', service('    environment: { GREETING: "Second edition" }\n')),
      )
      expect(updated.manifestHash).not.toBe(deployed.manifestHash)
      const after = await page()
      expect(after).toContain('Second edition')
      expect(Number(/visits">(\d+)/.exec(after)?.[1])).toBe(visits + 1)
      expect((await getLease(chain(), deployed.lease)).manifestHash).toBe(updated.manifestHash)
    })

    it('goes back to the old manifest where the new one does not start', async () => {
      const before = await getLease(chain(), deployed.lease)
      const failed = await stage.cloister(
        'update',
        'mine',
        await file('bad.yaml', service('    command: ["node", "-e", "process.exit(3)"]\n')),
      )
      expect(failed.code).toBe(1)
      expect(failed.stderr).toContain('The manifest before runs on')
      await until('the old manifest answers', async () => (await page()).includes('Second edition'))
      expect((await getLease(chain(), deployed.lease)).manifestHash).toBe(before.manifestHash)
      const big = await stage.cloister(
        'update',
        'mine',
        await file('big.yaml', service('').replace('128M', '512M')),
      )
      expect(big.stderr).toContain('more than the lease has')
      await until('the old manifest answers', async () => (await page()).includes('Second edition'))
    })

    it('checks the worker against what a new file demands before it hands anything over', async () => {
      const account = developmentAccount(stage.embedded.network, TENANT).address
      const nonce = await chain().client.getTransactionCount({ address: account })
      const sdl = (service: string, resources = '', attributes = '') =>
        `version: "2.1"\nservices: { web: { image: "cloister/hello:1", expose: [{ port: 8080, as: 80, to: [{ global: true }] }]${service} } }\nprofiles:\n  compute: { web: { resources: { cpu: { units: 0.25 }, memory: { size: 128Mi }, storage: { size: 512Mi }${resources} } } }\n  placement: { here: { ${attributes}pricing: { web: { denom: uakt, amount: 1 } } } }\ndeployment: { web: { here: { profile: web, count: 1 } } }\n`
      const refused = async (name: string, text: string, ...words: string[]) =>
        (await stage.cloister('update', 'mine', await file(name, text), ...words)).stderr
      const gpu = ', gpu: { units: 1, attributes: { vendor: { nvidia: [{ model: h200 }] } } }'
      expect(await refused('gpu.yaml', sdl(', params: { tee: cpu-gpu }', gpu))).toMatch(
        /✘ .*None of its GPUs is confirmed in confidential mode/,
      )
      expect(await refused('place.yaml', sdl('', '', 'attributes: { region: nowhere }, '))).toContain(
        'The file asks for region=nowhere; at this worker it is',
      )
      expect(await refused('root.yaml', service(''), '--policy', 'root=intel')).toContain(
        'which is simulated; the policy wants intel',
      )
      expect(await chain().client.getTransactionCount({ address: account })).toBe(nonce)
      expect(await page()).toContain('Second edition')
      // What the worker is, it may be asked for.
      await stage.json(
        'update',
        'mine',
        await file('tee.yaml', sdl(', params: { tee: cpu }')),
        '--policy',
        'root=devnet,age=2h',
      )
      await stage.json('update', 'mine', join(stage.folder, 'second.yaml'))
    })

    it('refuses what can not be honoured before any money moves', async () => {
      const before = await balance(TENANT)
      const refused = await stage.cloister(
        'deploy',
        await file('privileged.yaml', service('    privileged: true\n')),
        '--yes',
      )
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/privileged\.yaml:\d+ services\.web\.privileged/)
      const huge = await stage.cloister(
        'deploy',
        await file('huge.yaml', service('').replace('128M', '900G')),
        '--yes',
      )
      expect(huge.stderr).toContain('None of the 3 workers asked makes a bid')
      expect(await balance(TENANT)).toBe(before)
    })

    it('closes a lease whose containers do not start, and gives the money back', async () => {
      const before = await balance(TENANT)
      const failed = await stage.cloister(
        'deploy',
        await file('no-image.yaml', service('').replace('cloister/hello:1', '127.0.0.1:5000/nowhere/none:1')),
        '--yes',
      )
      expect(failed.code).toBe(1)
      expect(failed.stderr).toContain('The lease is closed')
      const paid = before - (await balance(TENANT))
      expect(paid).toBeLessThan(120n)
      expect((await stage.json('ps')).length).toBe(1)
    })

    it('pays in CLOI as well', async () => {
      const before = await balance(TENANT, 'CLOI')
      const lease = await stage.json('deploy', HELLO, '--pay', 'CLOI', '--deposit', '5', '--yes')
      expect(lease.token).toBe(token('CLOI'))
      const closed = await stage.json('close', lease.lease)
      expect(before - (await balance(TENANT, 'CLOI'))).toBe(BigInt(closed.spent))
    })

    it('calls a lease what its Compose file calls itself, and says where another one is called that', async () => {
      const named = (name: string) => file(`${name}.yaml`, `name: ${name}\n${service('')}`)
      const free = await stage.json('deploy', await named('free'), '--for', '1h', '--yes')
      expect(free.name).toBe('free')
      expect(await stage.json('status', 'free')).toMatchObject({ lease: free.lease, name: 'free' })
      const taken = await stage.cloister('deploy', await named('mine'), '--for', '1h', '--yes')
      expect(taken.stderr).toContain('An open lease is called mine already')
      const [other] = (await stage.json('ps')).filter(
        ({ lease }: Json) => lease !== free.lease && lease !== deployed.lease,
      )
      expect(taken.stdout).toContain(`${other.shortId} runs on`)
      const following = follow('free')
      await until('the first lines are there', async () => following.seen.includes('listening'))
      for (const { lease } of [free, other]) await stage.json('close', lease)
      expect(await following.code).toBe(0)
      expect(following.seen).toContain('The lease has ended.')
    })

    it('means one’s own lease by a name, and pays into somebody else’s by its whole id alone', async () => {
      const as = ['--account', 'dev5']
      const theirs = await stage.json('deploy', HELLO, '--for', '1h', '--name', 'mine', '--yes', ...as)
      expect(theirs.name).toBeUndefined()
      expect((await stage.json('status', 'mine', ...as)).lease).toBe(theirs.lease)
      expect((await stage.json('status', 'mine')).lease).toBe(deployed.lease)
      // Whoever has no such lease gets to see whose address it is, and pays nothing into it unawares.
      for (const key of ['mine', deployed.lease.slice(2, 18)]) {
        const refused = await stage.cloister('top-up', key, '1', '--account', 'dev6')
        expect(refused.code).toBe(1)
        expect(refused.stderr).toContain(deployed.lease)
      }
      const before = await balance(6)
      expect(await stage.json('top-up', theirs.lease, '0.5', '--account', 'dev6')).toMatchObject({
        lease: theirs.lease,
        amount: '500000',
      })
      expect(before - (await balance(6))).toBe(500_000n)
      await stage.json('close', 'mine', ...as)
      expect((await stage.json('status', 'mine', '--account', 'dev6')).lease).toBe(deployed.lease)
    })

    it('takes money in, and gives the rest back to the last unit', async () => {
      const { network } = stage.embedded
      const { client } = chain()
      const before = await balance(TENANT)
      await stage.json('top-up', 'mine', '1.5')
      expect(before - (await balance(TENANT))).toBe(1_500_000n)
      // Somebody settles in between: that must not change what is paid.
      await settleLeases(connectWallet(network, developmentAccount(network, 7)), [deployed.lease])
      const closed = await stage.json('close', 'mine')
      const opened = await client.getTransactionReceipt({ hash: deployed.transaction })
      const ended = await client.getTransactionReceipt({ hash: closed.transaction })
      const [from, to] = await Promise.all(
        [opened, ended].map(async ({ blockNumber }) => (await client.getBlock({ blockNumber })).timestamp),
      )
      const seconds = (to ?? 0n) - (from ?? 0n)
      expect(BigInt(closed.spent)).toBe(seconds * 2n)
      expect(BigInt(closed.refund)).toBe(7200n * 2n + 1_500_000n - seconds * 2n)
      expect(before - 1_500_000n + BigInt(closed.refund)).toBe(await balance(TENANT))
      const settled = parseEventLogs({ abi: MARKET_ABI, eventName: 'LeaseClosed', logs: ended.logs })
      expect(settled[0]?.args.refund).toBe(BigInt(closed.refund))
    })

    it('holds exactly what it owes', async () => {
      const { network } = stage.embedded
      const { client } = chain()
      for (const { address } of network.tokens) {
        const { items } = (await (
          await fetch(`${network.indexerUrl}/v1/leases?token=${address}&limit=200`)
        ).json()) as { items: { lease: Hex }[] }
        let owed = await client.readContract({
          address: network.contracts.market,
          abi: MARKET_ABI,
          functionName: 'fees',
          args: [address],
        })
        for (const { lease } of items) owed += (await getLease(chain(), lease)).balance
        for (let account = 0; account < 10; account++)
          owed += await getCredit(chain(), developmentAccount(network, account).address, address)
        expect(await getTokenBalance(chain(), address, network.contracts.market)).toBe(owed)
      }
    })

    it('wipes a closed lease and says so at its address', async () => {
      await until(
        'nothing of the lease runs',
        async () => processesOf(stage.folder, deployed.lease).length === 0,
      )
      const answer = await until('the gateway knows', async () => {
        const response = await fetch(url, { headers: { accept: 'text/html' } })
        return response.status === 410 && response
      })
      expect(await answer.text()).toContain('This lease has ended')
      expect(await stage.json('status', deployed.lease)).toMatchObject({ state: 'closed', balance: '0' })
    })

    it('takes the next bid where the room of the cheapest worker has gone to somebody else since', async () => {
      const { network } = stage.embedded
      const cloister = createCloister({ network, account: developmentAccount(network, TENANT) })
      const { manifest } = parseManifest(service('').replace('cpus: "0.25"', 'cpus: "1"'), {
        file: 'compose.yaml',
      })
      const terms = { manifest, pay: 'USDC', policy: defaultPolicy(true) }
      // Both are asked for while there is room for either.
      const [early, late] = [await leases.bids(cloister, terms), await leases.bids(cloister, terms)]
      expect(late.bids[0]?.worker.worker).toBe(early.bids[0]?.worker.worker)
      const first = await leases.deploy(cloister, { ...terms, bids: early, deposit: 100_000n })
      const chosen = late.bids[0]
      await expect(
        leases.deploy(cloister, { ...terms, bids: late, ...(chosen && { chosen }), deposit: 100_000n }),
      ).rejects.toMatchObject({
        code: 'reverted',
        message: expect.stringContaining('room has been taken'),
      })
      const second = await leases.deploy(cloister, { ...terms, bids: late, deposit: 100_000n })
      expect(first.worker).toBe(early.bids[0]?.worker.worker)
      expect(second.worker).toBe(late.bids[1]?.worker.worker)
      for (const { lease } of [first, second]) await stage.json('close', lease)
    })

    it('keeps wallets encrypted, and funds them on the development network', async () => {
      const { address } = await stage.json('wallet', 'create', '--name', 'alice')
      const stored = readFileSync(join(stage.folder, 'wallets/alice.json'), 'utf8')
      expect(JSON.parse(stored)).toMatchObject({ version: 3, crypto: { kdf: 'scrypt' } })
      await stage.json('wallet', 'faucet', '--account', 'alice')
      const { balances, account } = await stage.json('wallet', 'balance', '--account', 'alice')
      expect(account).toBe(address)
      expect(balances.map((entry: Json) => [entry.symbol, entry.balance])).toEqual([
        ['CLOI', (1000n * 10n ** 18n).toString()],
        ['USDC', '1000000000'],
      ])
      const lease = await stage.json('deploy', HELLO, '--account', 'alice', '--for', '10m', '--yes')
      expect((await stage.json('close', lease.lease, '--account', 'alice')).lease).toBe(lease.lease)
      expect((await stage.cloister('wallet', 'create', '--name', 'alice')).stderr).toContain('already')
    })

    it('can be done by a program of the tenant’s own', async () => {
      const privateKey = developmentKey(stage.embedded.network, TENANT)
      const child = spawn(process.execPath, [PROGRAM, join(stage.folder, 'state/network.json'), HELLO], {
        env: { ...process.env, PRIVATE_KEY: privateKey },
      })
      const [printed, said, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ])
      expect({ code, said }).toMatchObject({ code: 0 })
      expect(printed).toMatch(/simulated/i)
      expect(printed).toMatch(/^http\S+ 200$/m)
      expect(printed).toMatch(/^It cost \d+ base units; \d+ are back\.$/m)
    })

    it('tells a person what to do next, and a program the code', async () => {
      const plain = await stage.cloister('status', 'nothing-here')
      expect(plain.code).toBe(1)
      expect(plain.stderr).toContain('See `cloister ps --all`')
      const { stdout } = await stage.cloister('status', 'nothing-here', '--json')
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'not-found',
        message: expect.any(String),
        hint: expect.any(String),
      })
      for (const command of [
        'deploy',
        'bids',
        'ps',
        'status',
        'logs',
        'events',
        'exec',
        'metrics',
        'update',
        'top-up',
        'close',
        'providers',
        'workers',
        'manifest',
      ])
        expect((await stage.cloister(command, '--help')).stdout, command).toMatch(/Example:\n {2}\$ cloister/)
    })

    replicasJourney(() => stage)
  },
  180_000,
)
