import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { updateLease } from '@cloister/chain'
import { hashManifest, type Manifest, type SentBlob, sentReference } from '@cloister/core'
import { buildWorkbench } from '@cloister/executors'
import { leases, type SentContent, WorkerClient } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import {
  FolderStore,
  LeaseStore,
  Repository,
  restoreVolumes,
  SnapshotKey,
  type SnapshotStore,
  type StoringLease,
  takeSnapshot,
} from '@cloister/snapshots'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, until } from './embedded.ts'
import { attestedKey, manifestOf, useWorker } from './own-worker.ts'

let folder: string
/** Digest of an image that no registry and no worker has, and its parts. */
let image: string
let parts: SentContent[]

function contentOf(path: string): SentContent {
  const digest = `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex')}`
  const bytes = statSync(path).size
  return { digest, bytes, open: (start) => createReadStream(path, { start }) }
}

/** An image with a server that reads files at the paths it is asked for. */
async function build(name: string): Promise<{ image: string; parts: SentContent[] }> {
  const layout = join(folder, name)
  const script = `require('http').createServer((q,s)=>s.end(require('fs').readFileSync(q.url))).listen(8080)`
  const digest = await buildWorkbench(layout, name, { '/name': name, '/app.js': script }, ['node', '/app.js'])
  const path = (of: string) => join(layout, 'blobs', ...of.split(':'))
  const { config, layers } = JSON.parse(readFileSync(path(digest), 'utf8'))
  const all = [digest, config.digest, ...layers.map((layer: SentBlob) => layer.digest)]
  return { image: digest, parts: all.map((of) => contentOf(path(of))) }
}

/** A tar archive of files, by path. */
function archiveOf(files: Record<string, string>): SentContent {
  const root = mkdtempSync(join(folder, 'archive-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, 'in', path, '..'), { recursive: true })
    writeFileSync(join(root, 'in', path), content)
  }
  execFileSync('tar', ['-cf', join(root, 'out.tar'), '-C', join(root, 'in'), '.'])
  return contentOf(join(root, 'out.tar'))
}

describe.skipIf(!canDeploy)('what a tenant sends beside the manifest', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-sent-'))
    ;({ image, parts } = await build('one'))
  }, 120_000)
  const own = useWorker()
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const LIMITS = 'deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }'
  const manifest = (more: Partial<Manifest> = {}, of = image): Manifest => ({
    ...manifestOf(
      `  web:\n    image: ${sentReference('web', of)}\n    ports: ["8080"]\n    stop_grace_period: 100ms\n    ${LIMITS}\n`,
    ),
    ...more,
  })
  const web = (given: Manifest) => given.services['web'] as Manifest['services'][string]
  const read = async (id: Hex, path: string) => (await own.sh(id, `cat ${path}`)).text
  const start = async (given: Manifest, contents: SentContent[]) => {
    const id = await own.open(given)
    await until('the worker knows the lease', async () => own.running.worker.store.lease(id))
    await leases.sendContents(own.client, id, contents)
    await own.client.putManifest(id, given)
    await own.untilState(id, 'running')
    return id
  }

  it('is an image that no registry has', async () => {
    const id = await own.open(manifest())
    await until('the worker knows the lease', async () => own.running.worker.store.lease(id))
    await expect(own.client.putManifest(id, manifest())).rejects.toMatchObject({ code: 'not-sent' })
    const told: number[] = []
    await leases.sendContents(own.client, id, parts, ({ bytes }) => void told.push(bytes))
    expect(told.at(-1)).toBe(parts.reduce((sum, { bytes }) => sum + bytes, 0))
    await own.client.putManifest(id, manifest())
    await own.untilState(id, 'running')
    expect((await own.client.lease(id)).services[0]).toMatchObject({ digest: image })
    expect(await read(id, '/name')).toBe('one')
    await own.close(id)
  }, 120_000)

  it('is sent once, and an update sends what has changed', async () => {
    const told: { bytes: number; total: number }[] = []
    const id = await own.open(manifest())
    await until('the worker knows the lease', async () => own.running.worker.store.lease(id))
    await leases.sendContents(own.client, id, parts, (progress) => told.push(progress))
    // All of it is here from the lease before.
    expect(told).toEqual([])
    const two = await build('two')
    await leases.sendContents(own.client, id, two.parts, (progress) => told.push(progress))
    const all = two.parts.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(told[0]?.total).toBeGreaterThan(0)
    expect(told[0]?.total).toBeLessThan(all / 10)
    await own.close(id)
  }, 120_000)

  it('is files that no manifest could hold', async () => {
    const path = join(folder, 'large')
    writeFileSync(path, randomBytes(5_000_000))
    const large = contentOf(path)
    const file = {
      path: '/etc/large',
      mode: 0o640,
      secret: false,
      blob: { digest: large.digest, bytes: large.bytes },
    }
    const id = await start(manifest({ services: { web: { ...web(manifest()), files: [file] } } }), [
      ...parts,
      large,
    ])
    const look = `const{readFileSync,statSync}=require("fs");const{createHash}=require("crypto");console.log(createHash("sha256").update(readFileSync("/etc/large")).digest("hex"),(statSync("/etc/large").mode&511).toString(8))`
    expect((await own.sh(id, `node -e '${look}'`)).text).toBe(`${large.digest.slice(7)} 640\n`)
    await own.close(id)
  }, 120_000)

  const withVolume = (archive: SentContent, readOnly: boolean) =>
    manifest({
      services: { web: { ...web(manifest()), mounts: [{ volume: 'data', path: '/data', readOnly }] } },
      volumes: {
        data: { sizeMiB: 16, class: 'default', from: { digest: archive.digest, bytes: archive.bytes } },
      },
    })
  const updateTo = async (id: Hex, given: Manifest, contents: SentContent[]) => {
    await leases.sendContents(own.client, id, contents)
    await updateLease(own.tenant, id, hashManifest(given))
    await own.client.putManifest(id, given)
    await until('the new manifest runs', async () => {
      const { manifestHash, nextManifestHash } = await own.client.lease(id)
      return manifestHash === hashManifest(given) && nextManifestHash === undefined
    })
    await own.untilState(id, 'running')
  }

  it('is what a volume begins with, which then keeps what was written', async () => {
    const [first, second] = [archiveOf({ 'a/b': 'first' }), archiveOf({ 'a/b': 'second', more: 'more' })]
    const id = await start(withVolume(first, false), [...parts, first])
    expect(await read(id, '/data/a/b')).toBe('first')
    await own.sh(id, 'echo written > /data/a/new; echo changed > /data/a/b')
    await updateTo(id, withVolume(second, false), [...parts, second])
    expect(await read(id, '/data/a/b /data/a/new')).toBe('changed\nwritten\n')
    await own.close(id)
  }, 120_000)

  it('is what another lease wrote, kept sealed in a third in between', async () => {
    const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
    const given = manifest({
      services: { web: { ...web(manifest()), mounts } },
      volumes: { data: { sizeMiB: 64, class: 'default' } },
    })
    const first = await start(given, parts)
    await own.sh(first, 'mkdir /data/a; echo first > /data/a/b')
    await own.sh(first, `node -e 'require("fs").writeFileSync("/data/large",Buffer.alloc(3e6,"x1y2z3"))'`)
    const keeping = await start(given, parts)
    const run: StoringLease['run'] = (command) => exec(own.client, { lease: keeping, ...command })
    const elsewhere = new LeaseStore({ name: 'backups', run }, '/data')
    const here = new FolderStore(join(folder, 'snapshots'))
    const open = (store: SnapshotStore = here) =>
      Repository.open(store, new SnapshotKey(Buffer.alloc(32, 1)), true)
    const repository = await open()
    await takeSnapshot(repository, { client: own.client, lease: first })
    const { snapshot } = await takeSnapshot(await open(elsewhere), { client: own.client, lease: first })
    expect(snapshot.volumes).toMatchObject([{ name: 'data', files: 2, bytes: 3_000_006 }])
    await own.sh(first, 'echo second > /data/a/b')
    const again = await open()
    await takeSnapshot(again, { client: own.client, lease: first })
    expect(again.writtenBytes).toBeLessThan(20_000)
    // Nobody else's, and nothing that is there.
    const stranger = new WorkerClient({
      endpoint: own.client.endpoint,
      worker: own.client.worker,
      wallet: own.chain.wallet(5),
      attestedKey,
      network: own.tenant.network,
    })
    await expect(takeSnapshot(again, { client: stranger, lease: first })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(
      restoreVolumes(repository, snapshot, { client: own.client, lease: first }),
    ).rejects.toMatchObject({ code: 'exists' })
    await own.close(first)
    const second = await own.open(given)
    await until('the worker knows the lease', async () => own.running.worker.store.lease(second))
    await leases.sendContents(own.client, second, parts)
    await restoreVolumes(await open(elsewhere), snapshot, { client: own.client, lease: second })
    await own.client.putManifest(second, given)
    await own.untilState(second, 'running')
    expect(await read(second, '/data/a/b')).toBe('first\n')
    expect((await own.sh(second, 'wc -c < /data/large')).text.trim()).toMatch(/^3000000|not found$/)
    await until('what was staged is gone', async () => !own.running.worker.store.lease(second)?.staged)
    await own.close(second)
    await own.close(keeping)
  }, 120_000)

  it('is what a volume that is only read is, after an update as well', async () => {
    const [first, second] = [archiveOf({ 'a/b': 'first' }), archiveOf({ 'a/b': 'second' })]
    const id = await start(withVolume(first, true), [...parts, first])
    expect(await read(id, '/data/a/b')).toBe('first')
    expect((await own.sh(id, 'echo x > /data/a/b')).code).not.toBe(0)
    await updateTo(id, withVolume(second, true), [...parts, second])
    expect(await read(id, '/data/a/b')).toBe('second')
    await own.close(id)
  }, 120_000)
})
