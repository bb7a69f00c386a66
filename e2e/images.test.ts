import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashManifest, type Manifest } from '@cloister/core'
import { type FakeRegistry, startFakeRegistry } from '@cloister/development/engines'
import { buildWorkbench, WORKBENCH_IMAGE } from '@cloister/executors'
import { WorkerClient } from '@cloister/sdk'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from './embedded.ts'
import { attestedKey, manifestOf, useWorker } from './own-worker.ts'

/** Digests of two builds of one program, which print which they are. */
let first: string
let second: string
let registry: FakeRegistry
let folder: string

const build = (name: string) => {
  const script = `console.log('build ${name}');require('http').createServer((q,s)=>s.end('${name}')).listen(8080)`
  return buildWorkbench(join(folder, 'pushed'), `app:${name}`, { '/app.js': script }, ['node', '/app.js'])
}

describe('images of a lease', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-images-'))
    first = await build('one')
    second = await build('two')
    registry = await startFakeRegistry(join(folder, 'pushed'))
  }, 120_000)
  const own = useWorker(() => [registry.host])
  afterAll(async () => {
    await registry.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const manifest = (count = 1): Manifest =>
    manifestOf(
      `  web:\n    image: ${registry.host}/me/app:latest\n    ports: ["8080"]\n    restart: always\n    deploy: { replicas: ${count}, resources: { limits: { cpus: "0.2", memory: 64M } } }\n`,
    )
  const digests = async (id: Hex) => [
    ...new Set((await own.client.lease(id)).services.map(({ digest }) => digest)),
  ]
  const printed = async (id: Hex) => {
    const lines: string[] = []
    for await (const { text } of own.client.logs(id, { signal: AbortSignal.timeout(10_000) }))
      lines.push(text)
    return lines
  }
  const settled = (id: Hex) =>
    until('the worker has settled', async () => {
      const report = await own.client.lease(id)
      return report.nextManifestHash === undefined && report.state === 'running' ? report : undefined
    })

  it.skipIf(process.getuid?.() !== 0)(
    'are what their tags meant when they were accepted, through restarts, until the tenant has them looked up again',
    async () => {
      registry.tags.set('me/app:latest', first)
      const id = await own.deploy(manifest())
      await own.untilState(id, 'running')
      expect(await digests(id)).toEqual([first])
      registry.tags.set('me/app:latest', second)
      await own.sh(id, 'kill 1; kill -9 1').catch(() => {})
      await own.sh(id, 'kill $(ls /proc | grep -E "^[0-9]+$" | head -40)').catch(() => {})
      await settled(id)
      expect(await digests(id)).toEqual([first])
      // The same manifest says nothing new.
      await own.client.putManifest(id, manifest())
      expect(await digests(id)).toEqual([first])

      await own.client.pull(id)
      await settled(id)
      expect(await digests(id)).toEqual([second])
      expect(await printed(id)).toContain('build two')
      const started = (await own.client.lease(id)).services[0]?.startedAt
      await own.client.pull(id)
      await settled(id)
      expect((await own.client.lease(id)).services[0]?.startedAt).toBe(started)

      // A tag that leads nowhere leaves what runs alone, and says why.
      registry.tags.delete('me/app:latest')
      await own.client.pull(id)
      const { failed, services } = await settled(id)
      expect(failed).toMatchObject({
        manifestHash: hashManifest(manifest()),
        reason: expect.stringContaining('the tag latest'),
      })
      expect(services[0]).toMatchObject({ digest: second, startedAt: started })
      await own.close(id)
    },
  )

  it('that are private come with a login, which shows up nowhere and goes with the lease', async () => {
    registry.tags.set('me/app:latest', first)
    registry.login = { username: 'tenant', password: 'correct-horse-battery' }
    const id = await own.open(manifest())
    await own.client.putManifest(id, manifest())
    const { failed } = await until('it fails', async () => {
      const report = await own.client.lease(id)
      return report.failed ? report : undefined
    })
    expect(failed?.reason).toMatch(/asks for a login/)
    await own.client.putLogins(id, [{ host: registry.host, ...registry.login }])
    await own.client.putManifest(id, manifest())
    await own.untilState(id, 'running')
    registry.login = undefined
    const events = own.running.worker.store.events(id, 0)
    const said = JSON.stringify([await own.client.lease(id), events, await own.client.metrics(id)])
    expect(said).not.toMatch(/correct-horse|tenant"/)
    expect(events.map(({ kind }) => kind)).toContain('logins')
    const onDisk = () =>
      ['worker.db', 'worker.db-wal'].some((file) =>
        readFileSync(join(own.folder, 'own', file)).includes('correct-horse-battery'),
      )
    expect(onDisk()).toBe(true)
    await own.close(id)
    expect(JSON.stringify(own.running.worker.store.lease(id))).not.toContain('correct-horse')
    expect(onDisk()).toBe(false)
  })

  it('that print and fail are told of, and what they printed is read by their tenant alone for a day after the lease', async () => {
    const failing = manifestOf(
      `  web:\n    image: ${WORKBENCH_IMAGE}\n    command: ["node", "-e", "console.log('connecting'); console.error('FATAL: DATABASE_URL is empty'); process.exit(3)"]\n    restart: always\n    deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }\n`,
    )
    const id = await own.deploy(failing)
    const told = await until('three ends are told of', async () =>
      own.running.worker.store.events(id, 0).find(({ kind }) => kind === 'start-failed'),
    )
    expect(told.message).toMatch(
      /has ended 3 times without having been ready: it ended with code 3.\nIt printed last:\n(.*\n)*FATAL: DATABASE_URL is empty/,
    )
    await own.close(id)
    expect(await until('the lines are kept', () => printed(id).catch(() => undefined))).toContain(
      'FATAL: DATABASE_URL is empty',
    )
    const stranger = new WorkerClient({
      endpoint: own.client.endpoint,
      worker: own.client.worker,
      wallet: own.chain.wallet(5),
      attestedKey,
      network: own.tenant.network,
    })
    await expect(stranger.logs(id, { signal: AbortSignal.timeout(5_000) }).next()).rejects.toMatchObject({
      code: 'forbidden',
    })
    const closing = own.running.worker.store.events(id, 0).find(({ kind }) => kind === 'closed')
    expect(closing?.message).toMatch(/^Its tenant closed the lease/)
    expect(own.running.worker.store.lease(id)?.running).toBeUndefined()
  })
})
