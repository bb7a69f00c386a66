import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectChain, getLease } from '@cloister/chain'
import { SandboxExecutor } from '@cloister/executors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, crash, type Json, processesOf, raiseStage, type Stage, until } from './embedded.ts'

const HELLO = resolve(import.meta.dirname, '../examples/hello/compose.yaml')

describe.skipIf(!canDeploy)(
  'whatever crashes',
  () => {
    let stage: Stage
    let lease: Json

    /** What really runs on the worker that has the test's leases. */
    const running = async (id: string) => {
      const own = join(stage.folder, 'state/workers/oak')
      const engine = await SandboxExecutor.open({
        folder: join(own, 'sandbox'),
        imageFolder: join(stage.folder, 'state/unpacked'),
        images: { layouts: [], trustedRegistries: [] },
      })
      const containers = await engine.containers(id)
      await engine.close()
      return containers.filter((container) => container.running)
    }
    const startedAt = async () => (await stage.json('status', lease.lease)).services[0]?.startedAt
    const answers = () => until('the address answers', async () => (await fetch(lease.url.web)).ok)

    beforeAll(async () => {
      stage = await raiseStage()
      lease = await stage.json('deploy', HELLO, '--for', '2h', '--yes')
    }, 120_000)

    afterAll(() => stage.end(), 180_000)

    it('the gateway comes back with the same addresses', async () => {
      await crash(stage.embedded, 'gateway')
      await answers()
      expect((await stage.json('status', lease.lease)).url).toEqual(lease.url)
    })

    it('the indexer goes on where it stopped', async () => {
      const before = (await (await fetch(`${stage.embedded.network.indexerUrl}/v1/status`)).json()) as Json
      await crash(stage.embedded, 'indexer')
      const after = await until('it is synced', async () => {
        const status = (await (await fetch(`${stage.embedded.network.indexerUrl}/v1/status`)).json()) as Json
        return status.synced && status.block >= before.block && status
      })
      expect(after.events).toBeGreaterThanOrEqual(before.events)
      await answers()
    })

    it('a worker takes its containers up again without touching them', async () => {
      const before = await startedAt()
      await crash(stage.embedded, 'oak')
      await answers()
      expect(await startedAt()).toBe(before)
      expect(await running(lease.lease)).toHaveLength(1)
    })

    it.each(['its door', 'its engine'])(
      'the chain comes back with all that anybody was told, when %s is killed',
      async (part) => {
        const opened = await stage.json('deploy', HELLO, '--for', '10m', '--yes')
        const chain = connectChain(stage.embedded.network)
        const before = await getLease(chain, opened.lease)
        const folder = join(stage.folder, 'state/chain')
        const engine = () =>
          Number(
            readdirSync(folder)
              .find((name) => name.startsWith('engine-'))
              ?.match(/\d+/)?.[0],
          )
        const killed = engine()
        if (part === 'its door') await crash(stage.embedded, 'chain')
        else process.kill(killed, 'SIGKILL')
        expect(await until('the lease is there', () => getLease(chain, opened.lease))).toEqual(before)
        await until(
          'another engine has taken over and the first has ended',
          async () => engine() !== killed && !existsSync(`/proc/${killed}`),
        )
        await answers()
        await stage.json('close', opened.lease)
        await stage.json('close', (await stage.json('deploy', HELLO, '--for', '10m', '--yes')).lease)
      },
    )

    it.each([0, 300])(
      'a worker killed %i ms into a deployment ends up with exactly the right container',
      async (ms) => {
        const deploying = stage.json('deploy', HELLO, '--for', '1h', '--yes')
        // From the moment the lease is on the chain.
        const { client, network } = connectChain(stage.embedded.network)
        const from = await client.getBlockNumber()
        await until(
          'the lease is open',
          async () =>
            (await client.getLogs({ address: network.contracts.market, fromBlock: from + 1n })).length > 0,
        )
        await delay(ms)
        await crash(stage.embedded, 'oak')
        const fresh = await deploying
        expect(await running(fresh.lease)).toHaveLength(1)
        await until('it answers', async () => (await fetch(fresh.url.web)).ok)
        await stage.json('close', fresh.lease)
        await until('nothing of it is left', async () => (await running(fresh.lease)).length === 0)
        expect(await running(lease.lease)).toHaveLength(1)
      },
    )

    it('a worker killed while it updates ends with the new manifest', async () => {
      const updating = stage.json('update', lease.lease, await variant('third'))
      await delay(400)
      await crash(stage.embedded, 'oak')
      await updating
      await until('the new page', async () => (await (await fetch(lease.url.web)).text()).includes('third'))
      expect(await running(lease.lease)).toHaveLength(1)
    })

    it('a worker that lost its memory takes its leases on again, and what tenants have on disk is there', async () => {
      const visits = async () =>
        Number((await stage.cloister('exec', lease.lease, '--', 'cat', '/data/visits')).stdout)
      const before = await visits()
      expect(before).toBeGreaterThan(0)
      const { pid } = stage.embedded.daemons.get('oak') ?? {}
      process.kill(pid ?? 0, 'SIGSTOP')
      for (const end of ['', '-wal', '-shm'])
        await rm(join(stage.folder, `state/workers/oak/worker.db${end}`), { force: true })
      await crash(stage.embedded, 'oak')
      await until(
        'it is there again',
        async () => (await stage.json('status', lease.lease)).state === 'waiting',
      )
      const none = await stage.cloister(
        'update',
        lease.lease,
        await variant('third', '127.0.0.1:5000/nowhere/none:1'),
      )
      expect(none.stderr).toContain('Nothing runs on the lease.')
      expect((await stage.cloister('update', lease.lease, await variant('third'))).stdout).toContain(
        'runs the manifest again',
      )
      await answers()
      expect(await visits()).toBeGreaterThan(before)
      expect(await running(lease.lease)).toHaveLength(1)
    })

    it('a lease that was closed while its worker was dead is wiped when it comes back', async () => {
      const short = await stage.json('deploy', HELLO, '--for', '10m', '--yes')
      const { pid } = stage.embedded.daemons.get('oak') ?? {}
      process.kill(pid ?? 0, 'SIGSTOP')
      const closed = await stage.json('close', short.lease)
      process.kill(pid ?? 0, 'SIGKILL')
      await until(
        'nothing of it is left',
        async () =>
          processesOf(stage.folder, short.lease).length === 0 && (await running(short.lease)).length === 0,
      )
      expect(BigInt(closed.spent)).toBeGreaterThan(0n)
    })

    async function variant(greeting: string, image = 'cloister/hello:1'): Promise<string> {
      const { writeFile } = await import('node:fs/promises')
      const path = join(stage.folder, 'variant.yaml')
      await writeFile(
        path,
        `services:\n  web:\n    image: ${image}\n    ports: ["8080"]\n    volumes: ["visits:/data"]\n    environment: { GREETING: "${greeting}" }\n    restart: always\n    deploy: { resources: { limits: { cpus: "0.25", memory: 128M } } }\nvolumes:\n  visits:\n`,
      )
      return path
    }
  },
  90_000,
)
