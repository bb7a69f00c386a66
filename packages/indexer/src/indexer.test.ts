import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  cancelExit,
  claimRewards,
  closeLease,
  delegate,
  departWorker,
  getBilling,
  getLease,
  getPool,
  getPosition,
  openLease,
  refuseLease,
  registerWorker,
  requestExit,
  resizeLease,
  setCommission,
  settleLeases,
  signBid,
  signResizeBid,
  topUpLease,
  updateLease,
  type Wallet,
} from '@cloister/chain'
import {
  type Bid,
  ChainEventRecord,
  DelegationRecord,
  EpochRecord,
  ExitRecord,
  IndexStatus,
  LeaseRecord,
  PaymentRecord,
  PoolRecord,
  ProviderRecord,
  pageOf,
  type ResizeBid,
  RewardRecord,
  shortId,
  TotalsRecord,
  WorkerRecord,
} from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { postgresPrograms, startPostgres } from '@cloister/development/postgres'
import type { DevelopmentPlatform } from '@cloister/development/root'
import { type Hex, sha256 } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startIndexer } from './indexer.ts'

const CLOI = 10n ** 18n
const HASH = `0x${'ab'.repeat(32)}` as const
const programs = postgresPrograms()

const folders: string[] = []
/** A folder that goes with the tests. */
const newFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-index-'))
  folders.push(folder)
  return folder
}
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

const DATABASES = [
  { name: 'PGlite', skip: false, open: async () => ({ location: await newFolder(), server: undefined }) },
  {
    name: 'PostgreSQL',
    skip: programs === undefined,
    open: async () => startPostgres(programs ?? '').then((server) => ({ location: server.url, server })),
  },
]

for (const { name, skip, open } of DATABASES)
  describe.skipIf(skip)(`the index on ${name}`, () => {
    const key = privateKeyToAccount(generatePrivateKey())
    let chain: DevelopmentChain
    let platform: DevelopmentPlatform
    let tenant: Wallet
    let provider: Wallet
    let usdc: `0x${string}`
    let location: string
    let server: { restart: () => Promise<void>; stop: () => Promise<void> } | undefined
    let indexer: Awaited<ReturnType<typeof startIndexer>>
    let salt = 0n
    const leases: Hex[] = []

    const start = () =>
      startIndexer({ network: chain.network, database: location, host: '127.0.0.1', port: 0, warn: () => {} })
    const ask = async <T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T>> => {
      const response = await fetch(indexer.url + path)
      const body = await response.json()
      if (!response.ok) throw new Error(JSON.stringify(body))
      return schema.parse(body)
    }
    const lease = (key: string) => ask(`/v1/leases/${key}`, LeaseRecord)
    const rpc = (method: string, ...params: unknown[]) => tenant.client.request({ method, params } as never)
    /** Waits until everything on the chain is in the index. */
    const synced = async () => {
      for (let attempt = 0; attempt < 200; attempt++) {
        const head = await tenant.client.getBlock()
        const status = await ask('/v1/status', IndexStatus).catch(() => ({
          block: -1,
          blockHash: undefined,
          reorganisations: 0,
        }))
        if (status.block === Number(head.number) && status.blockHash === head.hash) return status
        await delay(25)
      }
      throw new Error('the index does not catch up')
    }
    const openOne = async (wished?: string, deposit = 10_000n) => {
      const now = Number((await tenant.client.getBlock()).timestamp)
      const bid: Bid = {
        tenant: tenant.account.address,
        worker: key.address,
        token: usdc,
        ratePerSecond: 10n,
        minimumDeposit: 0n,
        expiry: now + 600,
        room: 0n,
        noticeMinutes: 0,
        manifestHash: HASH,
        order: HASH,
        salt: salt++,
      }
      const { id } = await openLease(tenant, await signBid(chain.network, key, bid), deposit, wished)
      leases.push(id)
      return id
    }

    beforeAll(async () => {
      chain = await startDevelopmentChain()
      platform = await chain.root.manufacture()
      platform = await chain.root.manufacture()
      tenant = chain.wallet(4)
      provider = chain.wallet(1)
      usdc = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? HASH
      await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
      await registerWorker(provider, key, {
        cpuMilli: 2000,
        memoryMiB: 1024,
        diskMiB: 1024,
        gpus: 2,
        gpuClass: 'h100',
        endpoint: 'http://127.0.0.1:1',
      })
      await coverWorker(provider, platform, key)
      ;({ location, server } = await open())
      indexer = await start()
    })

    afterAll(async () => {
      await indexer.stop()
      await chain.stop()
      await server?.stop()
      if (!location.startsWith('postgres')) await rm(location, { recursive: true, force: true })
    })

    it('knows a lease through its whole life, to the last unit', async () => {
      const id = await openOne('app')
      await topUpLease(tenant, id, usdc, 500n)
      await updateLease(tenant, id, `0x${'cd'.repeat(32)}`)
      await rpc('evm_increaseTime', 60)
      const bid: ResizeBid = {
        lease: id,
        number: 0n,
        ratePerSecond: 7n,
        minimumBalance: 0n,
        expiry: Number((await tenant.client.getBlock()).timestamp) + 600,
        room: 5n,
        manifestHash: `0x${'ef'.repeat(32)}`,
        order: HASH,
      }
      await resizeLease(tenant, await signResizeBid(chain.network, key, bid), usdc, 250n)
      await settleLeases(provider, [id])
      await synced()
      const onChain = await getLease(tenant, id)
      expect(await lease(id)).toMatchObject({
        lease: id,
        name: 'app',
        state: 'open',
        deposit: '10750',
        ratePerSecond: '7',
        spent: onChain.spent.toString(),
        manifestHash: `0x${'ef'.repeat(32)}`,
        tenant: tenant.account.address,
        provider: provider.account.address,
      })
      expect((await lease(shortId(id))).lease).toBe(id)
      expect((await lease('app')).lease).toBe(id)
      await closeLease(tenant, id)
      await synced()
      const closed = await lease(id)
      expect(closed).toMatchObject({ state: 'closed', spent: (await getLease(tenant, id)).spent.toString() })
      expect(BigInt(closed.spent) + BigInt(closed.refund)).toBe(10_750n)
      const { items } = await ask(`/v1/payments?lease=${id}`, pageOf(PaymentRecord))
      const total = (kind: string) =>
        items.filter((payment) => payment.kind === kind).reduce((sum, { amount }) => sum + BigInt(amount), 0n)
      expect(total('deposit') + total('top-up')).toBe(total('earning') + total('fee') + total('refund'))
    })

    it('says which leases were opened as replicas of a group, and of which', async () => {
      const [zero, two] = [await openOne('crowd/0'), await openOne('crowd/2')]
      await synced()
      const { items } = await ask('/v1/leases?wishedName=crowd', pageOf(LeaseRecord))
      expect(items.map((item) => [item.lease, item.replica])).toEqual([
        [two, 2],
        [zero, 0],
      ])
      expect(await lease('crowd')).toMatchObject({ lease: zero, replica: 0, name: 'crowd' })
      for (const id of [zero, two]) await closeLease(tenant, id)
    })

    it('grants a name to the first open lease that wishes for it', async () => {
      const first = await openOne('shared')
      const second = await openOne('shared')
      await synced()
      expect((await lease('shared')).lease).toBe(first)
      expect(await lease(second)).toMatchObject({ wishedName: 'shared' })
      expect((await lease(second)).name).toBeUndefined()
      expect(
        (await ask('/v1/leases?wishedName=shared', pageOf(LeaseRecord))).items.map((item) => item.lease),
      ).toEqual([second, first])
      expect(
        (await ask('/v1/leases?name=shared', pageOf(LeaseRecord))).items.map((item) => item.lease),
      ).toEqual([first])
      await closeLease(tenant, first)
      await synced()
      expect((await lease('shared')).lease).toBe(second)
      await closeLease(tenant, second)
    })

    it('counts refused leases apart', async () => {
      const id = await openOne()
      await refuseLease(provider, id)
      await synced()
      expect(await lease(id)).toMatchObject({ state: 'closed', refused: true, refund: '10000', spent: '0' })
      const { items } = await ask('/v1/providers', z.object({ items: z.array(ProviderRecord) }))
      expect(items).toMatchObject([
        { provider: provider.account.address, refusedLeases: 1, leasesServed: 5, gpus: 2 },
      ])
    })

    it('adds covered time up as the contract does', async () => {
      await departWorker(provider, key.address)
      await rpc('evm_increaseTime', 500)
      await rpc('anvil_mine', '0x2')
      await coverWorker(provider, platform, key)
      await rpc('evm_increaseTime', 100)
      await rpc('evm_mine')
      await departWorker(provider, key.address)
      await synced()
      const billing = await getBilling(tenant, key.address)
      const worker = await ask(`/v1/workers/${key.address}`, WorkerRecord)
      expect(worker.coveredUntil).toBe(Number(billing.until))
      expect(worker).toMatchObject({ attestation: 'lapsed', leasesServed: 5, gpuClass: 'h100' })
      expect(worker.platform).toBe(sha256(platform.ppid))
      await rpc('anvil_mine', '0x2')
      await coverWorker(provider, platform, key)
    })

    it('pages through leases, payments and events without gap or repetition', async () => {
      for (let i = 0; i < 5; i++) await openOne()
      await synced()
      const all = async (path: string, schema: z.ZodType) => {
        const found: unknown[] = []
        let cursor = ''
        do {
          const page = z
            .object({ items: z.array(schema), next: z.string().optional() })
            .parse(
              await (
                await fetch(
                  `${indexer.url}${path}${path.includes('?') ? '&' : '?'}limit=2${cursor && `&cursor=${cursor}`}`,
                )
              ).json(),
            )
          expect(page.items.length).toBeLessThanOrEqual(2)
          found.push(...page.items)
          cursor = page.next ?? ''
        } while (cursor)
        return found.map((item) => JSON.stringify(item))
      }
      for (const [path, schema] of [
        ['/v1/leases', LeaseRecord],
        ['/v1/payments', PaymentRecord],
        ['/v1/events', ChainEventRecord],
      ] as const) {
        const paged = await all(path, schema)
        const whole = z
          .object({ items: z.array(z.unknown()) })
          .parse(await (await fetch(`${indexer.url}${path}?limit=200`)).json())
          .items.map((item) => JSON.stringify(schema.parse(item)))
        expect(paged).toEqual(whole)
        expect(new Set(paged).size).toBe(paged.length)
      }
      expect(await all(`/v1/leases?tenant=${tenant.account.address}&open=true`, LeaseRecord)).toHaveLength(5)
      expect(await all(`/v1/leases?tenant=${provider.account.address}`, LeaseRecord)).toHaveLength(0)
    })

    it('tells changes as they happen', async () => {
      const aborter = new AbortController()
      const response = await fetch(`${indexer.url}/v1/stream`, { signal: aborter.signal })
      const id = await openOne()
      let text = ''
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString('utf8')
        if (text.includes(id)) break
      }
      aborter.abort()
      expect(text).toContain(id)
    })

    it('knows pools and who is in them, to the unit', async () => {
      const owner = provider.account.address
      await delegate(provider, owner, 1_000n * CLOI)
      const { shares } = await delegate(tenant, owner, 300n * CLOI)
      await setCommission(provider, 500)
      const exit = await requestExit(tenant, owner, shares / 3n)
      await cancelExit(tenant, exit.id)
      const second = await requestExit(tenant, owner, shares / 2n)
      await rpc('evm_increaseTime', 600)
      await claimRewards(provider, [{ provider: owner, account: tenant.account.address }])
      await synced()
      const [pool] = await ask('/v1/pools', z.object({ items: z.array(PoolRecord) })).then(
        ({ items }) => items,
      )
      const onChain = await getPool(tenant, owner)
      expect(pool).toMatchObject({
        provider: owner,
        stake: onChain.assets.toString(),
        shares: onChain.shares.toString(),
        exiting: onChain.exitAssets.toString(),
        commissionBps: 0,
        nextCommission: { bps: 500, from: onChain.nextCommissionFrom },
        delegators: 2,
      })
      expect(pool?.yields.current).toBeGreaterThan(0)
      const { worth } = await getPosition(tenant, owner, tenant.account.address)
      const [held] = (
        await ask(`/v1/delegations?account=${tenant.account.address}`, pageOf(DelegationRecord))
      ).items
      const rewards = (await ask(`/v1/rewards?account=${tenant.account.address}`, pageOf(RewardRecord))).items
      expect(held).toMatchObject({
        provider: owner,
        worth: worth.toString(),
        delegated: (300n * CLOI).toString(),
        claimed: rewards[0]?.amount,
      })
      expect(BigInt(rewards[0]?.amount ?? 0)).toBeGreaterThan(0n)
      const exits = (await ask(`/v1/exits?account=${tenant.account.address}`, pageOf(ExitRecord))).items
      expect(exits.map(({ id, state }) => [id, state])).toEqual([
        [exit.id.toString(), 'cancelled'],
        [second.id.toString(), 'waiting'],
      ])
      expect(exits[1]).toMatchObject({ worth: second.amount.toString(), readyAt: second.readyAt })
      const [hour] = (await ask('/v1/epochs?limit=1', z.object({ items: z.array(EpochRecord) }))).items
      expect(hour).toMatchObject({ closed: false, weight: 0, pools: [] })
      expect((await fetch(`${indexer.url}/v1/epochs?limit=101`)).status).toBe(400)
      expect((await fetch(`${indexer.url}/v1/epochs?limit=720&provider=${owner}`)).status).toBe(200)
      const { staked, periods } = await ask('/v1/totals', TotalsRecord)
      expect(staked).toBe(onChain.assets.toString())
      expect(periods).toHaveLength(1)
      expect(periods[0]?.fees.map(({ token }) => token)).toEqual([usdc])
    })

    it('reckons a pool’s trailing yield by what each share earned, whoever came meanwhile', async () => {
      const owner = provider.account.address
      const settled = async () => {
        await claimRewards(provider, [{ provider: owner, account: owner }])
        await synced()
        return {
          at: Number((await tenant.client.getBlock()).timestamp),
          ...(await ask(`/v1/pools/${owner}`, PoolRecord)),
          chain: await getPool(tenant, owner),
        }
      }
      const first = await settled()
      await rpc('evm_increaseTime', 31 * 86_400)
      const second = await settled()
      await rpc('evm_increaseTime', 86_400)
      // Twice the stake for the last moment doesn't halve what a month has brought.
      await delegate(provider, owner, second.chain.assets)
      const third = await settled()
      const yearly = (earned: bigint, of: typeof first, seconds: number) =>
        (Number((earned * of.chain.shares) / 10n ** 27n) / Number(of.chain.assets)) *
        ((365 * 86_400) / seconds)
      expect(second.yields.trailingSeconds).toBe(second.at - first.at)
      expect(second.yields.trailing).toBeCloseTo(
        yearly(second.chain.rewardPerShare - first.chain.rewardPerShare, second, second.at - first.at),
        6,
      )
      expect(third.yields.trailingSeconds).toBe(third.at - first.at)
      expect(third.yields.trailing).toBeCloseTo(
        yearly(third.chain.rewardPerShare - first.chain.rewardPerShare, third, third.at - first.at),
        6,
      )
      expect(Number(third.yields.trailing)).toBeGreaterThan(Number(second.yields.trailing) * 0.95)
      await coverWorker(provider, platform, key)
    })

    it('pages through those who hold shares and those who leave, in the order of the list', async () => {
      const owner = provider.account.address
      await delegate(provider, owner, 50n * CLOI)
      for (const index of [5, 6])
        await fundDevelopmentAccount(chain.wallet(0), chain.wallet(index).account.address)
      // Two with the same number of shares, so that more than the number decides.
      for (const index of [4, 5, 6])
        await delegate(chain.wallet(index), owner, index === 6 ? 3n * CLOI : 7n * CLOI)
      for (const index of [4, 5, 6]) await requestExit(chain.wallet(index), owner, 10n ** 6n)
      await synced()
      for (const [path, schema] of [
        ['/v1/delegations', DelegationRecord],
        ['/v1/exits?state=waiting', ExitRecord],
      ] as const) {
        const page = (query: string) =>
          ask(
            `${path}${path.includes('?') ? '&' : '?'}${query}`,
            z.object({ items: z.array(schema), next: z.string().optional() }),
          )
        const whole = await page('limit=200')
        const paged: unknown[] = []
        for (let cursor: string | undefined = ''; cursor !== undefined; ) {
          const found: Awaited<ReturnType<typeof page>> = await page(
            `limit=1${cursor && `&cursor=${cursor}`}`,
          )
          expect(found.items.length).toBeLessThanOrEqual(1)
          paged.push(...found.items)
          cursor = found.next
        }
        expect(whole.items.length).toBeGreaterThanOrEqual(3)
        expect(paged).toEqual(whole.items)
      }
      const shares = (await ask('/v1/delegations', pageOf(DelegationRecord))).items.map((one) =>
        BigInt(one.shares),
      )
      expect(shares).toEqual([...shares].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)))
      const far = Buffer.from(JSON.stringify({ block: 1, logIndex: 2 ** 40 })).toString('base64url')
      expect((await fetch(`${indexer.url}/v1/slashes?cursor=${far}`)).status).toBe(400)
      for (const cursor of ['x', 'e30', Buffer.from('{"shares":"1;drop","key":"a"}').toString('base64url')])
        expect((await fetch(`${indexer.url}/v1/delegations?cursor=${cursor}`)).status).toBe(400)
    })

    it('resumes where it stopped', async () => {
      await synced()
      await indexer.stop()
      const id = await openOne('later')
      indexer = await start()
      const status = await synced()
      expect(status.reorganisations).toBe(0)
      expect((await lease('later')).lease).toBe(id)
    })

    it.skipIf(name === 'PGlite')('goes on when its database was restarted', async () => {
      await server?.restart()
      const id = await openOne('after-restart')
      await synced()
      expect((await lease('after-restart')).lease).toBe(id)
    })

    it('goes back where the chain reorganises, however deep', async () => {
      const kept = await openOne('kept')
      await topUpLease(tenant, kept, usdc, 100n)
      await synced()
      const before = await ask('/v1/totals', TotalsRecord)
      for (const depth of [1, 4, 9]) {
        const snapshot = await rpc('evm_snapshot')
        const gone: Hex[] = []
        for (let i = 0; i < depth; i++) {
          gone.push(await openOne(`gone-${depth}-${i}`))
          await topUpLease(tenant, kept, usdc, 1n)
        }
        const { shares } = await delegate(tenant, provider.account.address, 10n * CLOI)
        await requestExit(tenant, provider.account.address, shares / 2n)
        await closeLease(tenant, kept)
        await synced()
        expect((await lease(kept)).state).toBe('closed')
        await rpc('evm_revert', snapshot)
        // Another history than the one that was indexed.
        await rpc('evm_mine')
        const other = await openOne(`other-${depth}`)
        await closeLease(tenant, other)
        const { reorganisations } = await synced()
        expect(reorganisations).toBeGreaterThan(0)
        expect(await lease(kept)).toMatchObject({ state: 'open', deposit: '10100' })
        for (const id of gone) await expect(lease(id)).rejects.toThrow('not-found')
        expect((await lease(other)).state).toBe('closed')
      }
      const after = await ask('/v1/totals', TotalsRecord)
      expect(after).toMatchObject({ leases: before.leases + 3, openLeases: before.openLeases })
      // What was folded back and forth is what a fresh index comes to.
      const fresh = await startIndexer({
        network: chain.network,
        database: await newFolder(),
        host: '127.0.0.1',
        port: 0,
        warn: () => {},
      })
      const used = indexer
      indexer = fresh
      await synced()
      const paths = [
        'totals',
        'workers',
        'providers',
        'leases?limit=200',
        'payments?limit=200',
        'events?limit=200',
        'pools',
        'delegations',
        'exits',
        'epochs',
        'rewards',
        'slashes',
      ]
      // What changes with every second.
      const moving = new Set(['coveredSeconds', 'emitted', 'uptime', 'yields'])
      const still = (key: string, value: unknown) => (moving.has(key) ? undefined : value)
      for (const path of paths) {
        const [one, two] = await Promise.all(
          [used.url, fresh.url].map(async (url) =>
            JSON.parse(await (await fetch(`${url}/v1/${path}`)).text(), still),
          ),
        )
        expect(one).toEqual(two)
      }
      indexer = used
      await fresh.stop()
    })

    it('answers bad questions with what would be right', async () => {
      for (const path of [
        '/v1/leases?limit=0',
        '/v1/leases?limit=5000',
        '/v1/leases?tenant=me',
        "/v1/leases?name=' or 1=1",
        '/v1/leases?cursor=nonsense',
        '/v1/payments?kind=gift',
        '/v1/leases/NO%00',
        '/v1/events?name=1;drop',
      ]) {
        const response = await fetch(indexer.url + path)
        expect(response.status, path).toBe(400)
        expect(response.headers.get('content-type')).toContain('application/problem+json')
      }
      expect((await fetch(`${indexer.url}/v1/leases/${HASH}`)).status).toBe(404)
      expect((await fetch(`${indexer.url}/nowhere`)).status).toBe(404)
    })

    it('describes itself with OpenAPI', async () => {
      const document = z
        .object({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) })
        .parse(await (await fetch(`${indexer.url}/openapi.json`)).json())
      expect(document.openapi).toMatch(/^3\.1/)
      expect(Object.keys(document.paths)).toEqual(
        expect.arrayContaining([
          '/v1/leases',
          '/v1/leases/{key}',
          '/v1/workers',
          '/v1/providers',
          '/v1/payments',
          '/v1/events',
          '/v1/totals',
          '/v1/stream',
        ]),
      )
    })
  })
