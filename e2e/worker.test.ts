import { randomBytes } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Sequence, Settlement } from '@cloister/agent'
import {
  attestWorker,
  closeLease,
  ensurePlatform,
  freshBlock,
  getBilling,
  getCredit,
  getLease,
  giveNotice,
  openLease,
  signBid,
  updateLease,
  WORKERS_ABI,
} from '@cloister/chain'
import { hashManifest, type Order, resourcesOf, toCanonicalJson } from '@cloister/core'
import { WorkerClient } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import type { Hex, LocalAccount } from 'viem'
import { describe, expect, it, vi } from 'vitest'
import { canDeploy, processesOf, until } from './embedded.ts'
import { attestedKey, manifestOf, useWorker, web } from './own-worker.ts'

describe.skipIf(!canDeploy)(
  'a worker',
  () => {
    const own = useWorker()
    const { order, bid, open, deploy, untilState, close, kinds, sh } = own
    /** Moves the chain's clock. */
    const travel = async (seconds: number) => {
      await own.tenant.client.request({ method: 'evm_increaseTime', params: [seconds] } as never)
      await own.tenant.client.request({ method: 'evm_mine', params: [] } as never)
    }

    /** Waits until the worker has looked, once from beginning to end, at what the chain says of a lease. */
    const looked = async (id: Hex) => {
      const read = vi.spyOn(own.running.worker.chain.client, 'readContract')
      const begun = () =>
        read.mock.calls.filter(([{ functionName, args }]) => functionName === 'accrued' && args?.[0] === id)
      // One look begins when the one before is over; between two of them a settlement may read the same.
      await until('the worker has looked', async () => begun().length >= 3)
      read.mockRestore()
    }

    describe('bids', () => {
      it('from its price list, rounded up once', async () => {
        // 0.2 CPU, 64 MiB and 64 MiB beside an hour: 0.072 + 0.0045 USDC = 76500 base units, 21.25 a second.
        expect((await bid(order(manifestOf(web())))).ratePerSecond).toBe(22n)
        const gpu = order(manifestOf(web()))
        expect(
          (await bid({ ...gpu, resources: { ...gpu.resources, gpus: 1, gpuModels: ['h100'] } }))
            .ratePerSecond,
        ).toBe(1022n)
      })

      it('and says why where it does not', async () => {
        const plain = order(manifestOf(web()))
        const { resources } = plain
        for (const [asked, reason] of [
          [{ ...plain, maxRatePerSecond: '20' }, 'above the ceiling'],
          [{ ...plain, attributes: { region: 'elsewhere' } }, 'region=elsewhere'],
          [{ ...plain, token: own.tenant.account.address }, 'does not know the token'],
          [{ ...plain, token: own.chain.network.tokens[0]?.address ?? own.usdc }, 'does not take CLOI'],
          [{ ...plain, separateNetworks: true }, 'listen on the same port'],
          [{ ...plain, resources: { ...resources, memoryMiB: 5000 } }, '1 GiB of memory free'],
          [{ ...plain, resources: { ...resources, cpuMilli: 5000 } }, '4 CPU free'],
          [{ ...plain, resources: { ...resources, gpus: 2 } }, '1 GPUs free'],
          [{ ...plain, resources: { ...resources, gpus: 1, gpuModels: ['a100'] } }, 'asks for a100'],
        ] as const)
          await expect(bid(asked as Order), reason).rejects.toMatchObject({
            code: 'no-bid',
            message: expect.stringContaining(reason),
          })
      })

      it('by a program of the provider’s, which may decline, and whose failures bid nothing', async () => {
        const { config } = own.running.worker
        const script = async (body: string) => {
          const path = join(own.folder, `price-${randomBytes(4).toString('hex')}.sh`)
          await writeFile(path, `#!/bin/sh\n${body}\n`)
          await chmod(path, 0o755)
          config.bidScript = path
        }
        try {
          await script('read order; case "$order" in *cpuMilli*) echo \'{"ratePerSecond":"77"}\';; esac')
          expect((await bid(order(manifestOf(web())))).ratePerSecond).toBe(77n)
          await script('echo \'{"decline":"not today"}\'')
          await expect(bid(order(manifestOf(web())))).rejects.toMatchObject({ message: 'not today' })
          for (const body of ['exit 1', 'echo nonsense', 'echo \'{"ratePerSecond":"-5"}\'', 'sleep 10']) {
            await script(body)
            await expect(bid(order(manifestOf(web()))), body).rejects.toMatchObject({ code: 'no-bid' })
          }
        } finally {
          delete config.bidScript
        }
      })

      it('reserves nothing, and no more can be taken than there is room for', async () => {
        const half = manifestOf(web('web').replace('64M', '600M'))
        const [one, two] = await Promise.all([bid(order(half)), bid(order(half))])
        const first = (await openLease(own.tenant, one, 1_000_000n)).id
        await own.client.putManifest(first, half)
        await expect(openLease(own.tenant, two, 1_000_000n)).rejects.toMatchObject({
          code: 'reverted',
          message: expect.stringContaining('room has been taken'),
        })
        await untilState(first, 'running')
        // A lease that ends makes room at once, whether the worker has noticed or not.
        await closeLease(own.tenant, first)
        const second = (await openLease(own.tenant, two, 1_000_000n)).id
        await own.client.putManifest(second, half)
        await untilState(second, 'running')
        await close(second)
      })

      it('need no memory: what was signed and taken is served, whatever else was asked for meanwhile', async () => {
        const manifest = manifestOf(web())
        const { signature: _, ...terms } = await bid(order(manifest))
        // Signed by another process with the worker's key, or by its provider.
        for (const signer of [own.running.worker.key, own.chain.wallet(1).account] as LocalAccount[]) {
          const unknown = await signBid(own.chain.network, signer, { ...terms, salt: BigInt(signer.address) })
          const { id } = await openLease(own.tenant, unknown, 1_000_000n)
          await own.client.putManifest(id, manifest)
          await untilState(id, 'running')
          const { resources } = own.running.worker.store.lease(id) ?? {}
          expect(resources).toEqual({
            cpuMilli: 200,
            memoryMiB: 128,
            diskMiB: resourcesOf(manifest).diskMiB,
            gpus: 0,
          })
          // What does not fit into what was bid is not run.
          const larger = manifestOf(web('web').replace('64M', '65M'))
          await updateLease(own.tenant, id, hashManifest(larger))
          await expect(own.client.putManifest(id, larger)).rejects.toMatchObject({ code: 'unsupported' })
          await close(id)
        }
      })

      it('shut nobody out, however many are asked for', async () => {
        const asked = order(manifestOf(web()))
        for (let round = 0; round < 101; round++) {
          await Promise.all(Array.from({ length: 100 }, () => own.running.worker.bidder.bid(asked)))
          // Worker and client share this process; both have connections to look after.
          await delay(1)
        }
        expect((await bid(asked)).ratePerSecond).toBeGreaterThan(0n)
      })
    })

    describe('listens to the tenant only', () => {
      const put = async (id: Hex, body: string, headers: Record<string, string> = {}) => {
        const response = await fetch(`${own.client.endpoint}/v1/leases/${id}/manifest`, {
          method: 'PUT',
          body,
          headers: { 'content-type': 'application/json', ...headers },
        })
        const { code } = (await response.json()) as { code?: string }
        return [response.status, code]
      }

      it('signed, once, now, and for exactly that body', async () => {
        const manifest = manifestOf(web())
        const body = toCanonicalJson(manifest)
        const id = await open(manifest)
        const path = `/v1/leases/${id}/manifest`
        expect(await put(id, body)).toEqual([401, 'unauthorized'])
        expect(await put(id, body, { authorization: 'Cloister e30' })).toEqual([401, 'unauthorized'])
        const stranger = new WorkerClient({
          endpoint: own.client.endpoint,
          worker: own.client.worker,
          wallet: own.chain.wallet(5),
          attestedKey,
          network: own.tenant.network,
        })
        expect(await put(id, body, await stranger.sign('PUT', path, body))).toEqual([403, 'forbidden'])
        expect(await put(id, `${body} `, await own.client.sign('PUT', path, body))).toEqual([
          401,
          'unauthorized',
        ])
        expect(await put(id, body, await own.client.sign('GET', path, body))).toEqual([401, 'unauthorized'])
        const elsewhere = new WorkerClient({
          endpoint: own.client.endpoint,
          worker: own.tenant.account.address,
          wallet: own.tenant,
          attestedKey,
          network: own.tenant.network,
        })
        expect(await put(id, body, await elsewhere.sign('PUT', path, body))).toEqual([401, 'unauthorized'])
        const signed = await own.client.sign('PUT', path, body)
        expect(await put(id, body, signed)).toEqual([202, undefined])
        expect(await put(id, body, signed)).toEqual([401, 'repeated'])
        const now = Date.now
        Date.now = () => now() - 120_000
        const old = await own.client.sign('PUT', path, body)
        Date.now = now
        expect(await put(id, body, old)).toEqual([401, 'unauthorized'])
        for (const path of ['', '/metrics', '/logs', '/events'])
          expect((await fetch(`${own.client.endpoint}/v1/leases/${id}${path}`)).status, path).toBe(401)
        await expect(
          exec(stranger, {
            lease: id,
            argv: ['id'],
            stdin: undefined,
            stdout: process.stdout,
            stderr: process.stderr,
          }),
        ).rejects.toMatchObject({
          code: 'forbidden',
        })
        await close(id)
      })

      it('and takes only the manifest of the lease, within what was bid', async () => {
        const manifest = manifestOf(web())
        const id = await open(manifest)
        await expect(own.client.putManifest(id, manifestOf(web('other')))).rejects.toMatchObject({
          code: 'wrong-manifest',
        })
        const path = `/v1/leases/${id}/manifest`
        for (const body of ['{}', '[]', 'null', '{"version":1}', 'x', `{"__proto__":{}}`])
          expect(
            (await put(id, body, await own.client.sign('PUT', path, body)))[0],
            body,
          ).toBeGreaterThanOrEqual(400)
        const huge = JSON.stringify({ x: 'y'.repeat(2 * 1024 * 1024) })
        expect((await put(id, huge, await own.client.sign('PUT', path, huge)).catch(() => [413]))[0]).toBe(
          413,
        )
        const bigger = manifestOf(web().replace('64M', '128M'))
        await updateLease(own.tenant, id, hashManifest(bigger))
        await expect(own.client.putManifest(id, bigger)).rejects.toMatchObject({
          code: 'unsupported',
          message: expect.stringContaining('more than the lease has'),
        })
        await close(id)
      })

      it('behind a description of itself', async () => {
        const document = (await (await fetch(`${own.client.endpoint}/openapi.json`)).json()) as {
          paths: Record<string, unknown>
        }
        expect(Object.keys(document.paths)).toEqual(
          expect.arrayContaining([
            '/v1/worker',
            '/v1/bids',
            '/v1/leases/{id}',
            '/v1/leases/{id}/manifest',
            '/v1/leases/{id}/logs',
            '/v1/leases/{id}/events',
            '/v1/leases/{id}/metrics',
          ]),
        )
        expect(await own.client.report()).toMatchObject({
          evidence: 'development platform (simulated)',
          isolation: {
            engine: expect.stringContaining('sandbox'),
            missing: expect.arrayContaining(["the host's kernel is shared"]),
          },
        })
      })
    })

    it('keeps a lease that a reorganisation takes off the chain for a moment', async () => {
      const snapshot = await own.tenant.client.request({ method: 'evm_snapshot' } as never)
      const id = await deploy(manifestOf(web()))
      await untilState(id, 'running')
      await own.tenant.client.request({ method: 'evm_revert', params: [snapshot] } as never)
      expect((await getLease(own.tenant, id)).state).toBe('none')
      await looked(id)
      expect((await own.client.lease(id)).state).toBe('running')
      expect(processesOf(own.folder, id)).not.toEqual([])
    })

    it('attests anew where the block that its quote is bound to is reorganised away', async () => {
      const { client } = own.tenant
      const { attestor, chain: ownWallet, key } = own.running.worker
      const ask = (method: string, ...params: unknown[]) => client.request({ method, params } as never)
      const hash = await ownWallet.wallet.writeContract({
        address: own.chain.network.contracts.workers,
        abi: WORKERS_ABI,
        functionName: 'depart',
        args: [key.address],
      })
      await client.waitForTransactionReceipt({ hash })
      const snapshot = await ask('evm_snapshot')
      for (let i = 0; i < 3; i++) await ask('evm_mine')
      const quote = attestor.quote.bind(attestor)
      const quotes = vi.spyOn(attestor, 'quote').mockImplementationOnce(async (freshness) => {
        const evidence = await quote(freshness)
        await ask('evm_revert', snapshot)
        await ask('evm_increaseTime', 5)
        for (let i = 0; i < 4; i++) await ask('evm_mine')
        return evidence
      })
      await attestor.ensure()
      expect(quotes.mock.calls.length).toBeGreaterThan(1)
      quotes.mockRestore()
      expect((await getBilling(own.tenant, key.address)).until).toBeGreaterThan(
        (await client.getBlock()).timestamp,
      )
    })

    it('settles what leases have earned along with an attestation', async () => {
      const id = await deploy(manifestOf(web()))
      await untilState(id, 'running')
      const { chain: ownWallet, supervisor, attestor, key } = own.running.worker
      await travel(60)
      const rarely = new Settlement({
        wallet: ownWallet,
        supervisor,
        sequence: new Sequence(),
        everySeconds: 3_600,
      })
      expect(await rarely.joinable()).toEqual([])
      const often = new Settlement({
        wallet: ownWallet,
        supervisor,
        sequence: new Sequence(),
        everySeconds: 0.001,
      })
      const leases = await until('something is earned', async () => {
        const due = await often.joinable()
        return due.includes(id) && due
      })
      const before = await getLease(own.tenant, id)
      const block = await freshBlock(ownWallet)
      const { quote } = await attestor.quote(block.hash)
      const pckKey = await ensurePlatform(ownWallet, quote)
      await attestWorker(
        ownWallet,
        { worker: key.address, tlsKeyHash: attestor.tlsKeyHash, pckKey, block, quote },
        leases,
      )
      expect((await getLease(own.tenant, id)).spent).toBeGreaterThan(
        before.spent + 60n * before.ratePerSecond - 1n,
      )
      const { timestamp } = await own.tenant.client.getBlock()
      expect((await getBilling(own.tenant, key.address)).until).toBe(timestamp + 3600n)
      await close(id)
    })

    // Last, since these move the chain's clock.
    it('warns at an hour and at ten minutes, then stops what is out of money', async () => {
      const manifest = manifestOf(web())
      const rate = (await bid(order(manifest))).ratePerSecond
      const id = await deploy(manifest, rate * 4000n)
      await untilState(id, 'running')
      await looked(id)
      expect(kinds(id)).not.toContain('low-balance')
      const warnings = () => kinds(id).filter((kind) => kind === 'low-balance').length
      await travel(500)
      await until('the first warning', async () => warnings() === 1)
      await travel(2_950)
      await until('the second warning', async () => warnings() === 2)
      expect((await own.client.lease(id)).state).toBe('running')
      // A worker that has not renewed its coverage is not paid.
      await until(
        'coverage is renewed',
        async () =>
          (await getBilling(own.tenant, own.client.worker)).until >
          (await own.tenant.client.getBlock()).timestamp + 1800n,
      )
      await travel(700)
      await until('it is closed', async () => (await getLease(own.tenant, id)).state === 'closed')
      await until('nothing of it runs', async () => processesOf(own.folder, id).length === 0)
      expect(kinds(id)).toContain('out-of-money')
      const { spent } = await getLease(own.tenant, id)
      expect(spent).toBe(rate * 4000n)
    })

    it('ends an interruptible lease with the notice that was promised, where a reserved one takes its room', async () => {
      const { config, store } = own.running.worker
      config.interruptible = {
        noticeMinutes: 1,
        percent: 50,
        keepFree: { cpus: 3.5, memory: 0, disk: 0, gpus: 0 },
      }
      try {
        vi.spyOn(Date, 'now').mockReturnValue(Number((await own.tenant.client.getBlock()).timestamp) * 1000)
        const hook = '    x-on-notice: "echo $$1 > /ends"\n'
        const file = manifestOf(web('web', hook), 'x-reclamation: { min_window: 1m }\n')
        const [cheap, dear] = await Promise.all([
          bid(order(file)),
          bid(order(manifestOf(web('web').replace('0.2', '0.5')))),
        ]).finally(() => vi.restoreAllMocks())
        expect(cheap).toMatchObject({ noticeMinutes: 1, ratePerSecond: 11n })
        expect(dear.noticeMinutes).toBe(0)
        const { id } = await openLease(own.tenant, cheap, 10_000_000n)
        await own.client.putManifest(id, file)
        await untilState(id, 'running')
        const { id: reserved } = await openLease(own.tenant, dear, 10_000_000n)
        await until('the worker knows the lease', async () => store.lease(reserved))
        store.patchLease(reserved, (lease) => {
          lease.openedAt -= 10 * 60_000
        })
        await until('its containers were told', async () => kinds(id).includes('on-notice'))
        const { noticeUntil } = await getLease(own.tenant, id)
        expect((await sh(id, 'cat /ends')).text).toBe(`${noticeUntil}\n`)
        const { timestamp } = await own.tenant.client.getBlock()
        expect(noticeUntil - Number(timestamp)).toBeLessThanOrEqual(60)
        // The provider is held to it by the chain.
        await expect(closeLease(own.chain.wallet(1), id)).rejects.toMatchObject({ code: 'reverted' })
        expect(kinds(id).filter((kind) => kind === 'notice')).toHaveLength(1)
        await travel(61)
        await until('it is closed', async () => (await getLease(own.tenant, id)).state === 'closed')
        expect(kinds(id)).toContain('notice-over')
        expect((await getLease(own.tenant, reserved)).noticeUntil).toBe(0)
        await close(reserved)
      } finally {
        delete config.interruptible
      }
    })

    it('tells of its provider’s notice, serves until then, and gives what is left back', async () => {
      // Bids expire by the worker's own clock.
      vi.spyOn(Date, 'now').mockReturnValue(Number((await own.tenant.client.getBlock()).timestamp) * 1000)
      const { id } = await openLease(
        own.tenant,
        await bid(order(manifestOf(web()))).finally(() => vi.restoreAllMocks()),
        10_000_000n,
      )
      await own.client.putManifest(id, manifestOf(web()))
      await untilState(id, 'running')
      await giveNotice(own.chain.wallet(1), id)
      await until('the tenant is told', async () => kinds(id).includes('notice'))
      await travel(23 * 3600)
      await looked(id)
      expect((await getLease(own.tenant, id)).state).toBe('open')
      expect(kinds(id).filter((kind) => kind === 'notice')).toHaveLength(1)
      const before = await getCredit(own.tenant, own.tenant.account.address, own.usdc)
      await travel(3601)
      await until('it is closed', async () => (await getLease(own.tenant, id)).state === 'closed')
      await until('nothing of it runs', async () => processesOf(own.folder, id).length === 0)
      const { spent } = await getLease(own.tenant, id)
      expect((await getCredit(own.tenant, own.tenant.account.address, own.usdc)) - before).toBe(
        10_000_000n - spent,
      )
      expect(kinds(id)).toContain('notice-over')
    })
  },
  180_000,
)
