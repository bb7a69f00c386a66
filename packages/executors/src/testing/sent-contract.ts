import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { canRun, type TestEngine } from '@cloister/development/engines'
import Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerSpec, Executor, Image } from '../executor.ts'
import { archive, type Entry } from '../oci/tar-testing.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { placesOf } from '../sandbox/places.ts'
import { containerOf, ENGINES, IDLE, openExecutor, runIn } from '../testing.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import { stageVolume } from '../volumes/read-testing.ts'

const LEASE = `0x${'5e'.repeat(32)}`
const USERS = 'root:x:0:0::/:/bin/sh\nweb:x:1001:1002::/:/bin/sh\n'
/** What the image has where volumes are mounted. */
const OF_IMAGE = { '/data/of-image': 'image', '/etc/passwd': USERS, '/etc/group': 'root:x:0:\nweb:x:1002:\n' }

/**
 * What every engine does with what tenants sent: a file of tests for each engine, since they are long, and
 * only Docker's daemon has the machine's bridge for itself.
 */
export function describeSent(engineName: (typeof ENGINES)[number]['name']): void {
  const { name, program, start } = ENGINES.find((one) => one.name === engineName) as (typeof ENGINES)[number]
  describe.skipIf(!canRun(program))(`what a tenant sent, with ${name},`, () => {
    let folder: string
    let engine: TestEngine | undefined
    let executor: Executor
    let image: Image

    const spec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
      ...containerOf(LEASE, image),
      argv: IDLE,
      leaseDiskMiB: 256,
      memoryMiB: 128,
      ...changes,
    })
    const sh = async (line: string, container = 'web-0') =>
      (await runIn(executor, { lease: LEASE, name: container }, ['sh', '-c', line])).output
    /** Mode, owner and name of all that a container sees in a folder. */
    const listed = (path: string, container = 'web-0') =>
      sh(`node -e "${LIST.replaceAll('"', '\\"')}" ${path}`, container)
    const archiveOf = (...entries: (Entry | Buffer)[]) => {
      const bytes = archive(...entries)
      const path = join(folder, createHash('sha256').update(bytes).digest('hex'))
      writeFileSync(path, bytes, { mode: 0o600 })
      return path
    }
    const mount = (from: string, changes: Partial<ContainerSpec['mounts'][number]> = {}) => [
      { volume: 'data', path: '/data', readOnly: false, from, ...changes },
    ]

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), `cloister-sent-${name}-`))
      await buildWorkbench(join(folder, 'layout'), WORKBENCH_IMAGE, OF_IMAGE)
      ;({ executor, engine } = await openExecutor(start, folder, 'sent'))
      image = await executor.pull(WORKBENCH_IMAGE)
    }, 240_000)
    afterEach(() => executor?.destroy(LEASE))
    afterAll(async () => {
      await executor?.close()
      await engine?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }, 60_000)

    it('is what a fresh volume begins with, all of it the container’s user’s, and in place of the image’s', async () => {
      const from = archiveOf(
        { path: './', type: '5', mode: 0o750 },
        { path: 'empty', type: '5', mode: 0o1777 },
        { path: 'a/with space\nand läuft', body: 'content', mode: 0o4640, uid: 7 },
        { path: 'a/same', type: '1', link: 'a/with space\nand läuft' },
        { path: 'link', type: '2', link: '/etc/passwd' },
        { path: 'null', type: '3' },
      )
      await executor.start(spec({ user: 'web', mounts: mount(from) }))
      expect((await listed('/data')).split('\0')).toEqual([
        '40750 1001:1002 1 /data',
        '40755 1001:1002 1 /data/a',
        '100640 1001:1002 2 /data/a/same',
        '100640 1001:1002 2 /data/a/with space\nand läuft',
        '41777 1001:1002 1 /data/empty',
        '120777 1001:1002 1 /data/link',
        '',
      ])
      expect(await sh('cat "/data/a/same"; readlink /data/link; echo mine > /data/new; cat /data/new')).toBe(
        'content/etc/passwd\nmine\n',
      )
    })

    it('fills a volume once: what was written stays, with the same archive and with another', async () => {
      const [one, other] = [archiveOf({ path: 'f', body: 'one' }), archiveOf({ path: 'f', body: 'other' })]
      await executor.start(spec({ mounts: mount(one) }))
      await sh('echo written > /data/f')
      await executor.start(spec({ revision: 'r2', mounts: mount(one) }))
      expect(await sh('cat /data/f')).toBe('written\n')
      await executor.start(spec({ revision: 'r3', mounts: mount(other) }))
      expect(await sh('cat /data/f')).toBe('written\n')
    })

    it('is the first user’s where services with several users share a volume, and may be read-only', async () => {
      const mounts = mount(archiveOf({ path: 'f', body: 'x', mode: 0o640 }), {
        volume: 'data.sent-0123456789ab',
      })
      const readOnly = mounts.map((one) => ({ ...one, readOnly: true }))
      await executor.start(spec({ user: '1001:1002', mounts: readOnly }))
      await executor.start(spec({ name: 'other-0', user: '5000:5000', mounts: readOnly }))
      expect(await listed('/data', 'other-0')).toBe(
        ['40755 1001:1002 1 /data', '100640 1001:1002 1 /data/f', ''].join('\0'),
      )
      expect(await sh('cat /data/f')).toBe('x')
      expect(await sh('cat /data/f', 'other-0')).toMatch(/Permission denied/)
      expect(await sh('echo y > /data/f')).toMatch(/Read-only|cannot create/)
    })

    it('may be nothing at all: then the volume is empty, whatever the image has there', async () => {
      await executor.start(spec({ user: 'web', mounts: mount(archiveOf()) }))
      expect(await listed('/data')).toBe('40755 1001:1002 1 /data\0')
      // Also for the next container.
      await executor.start(spec({ user: 'web', revision: 'r2', mounts: mount(archiveOf()) }))
      expect(await listed('/data')).toBe('40755 1001:1002 1 /data\0')
    })

    it('refuses what climbs or is more than the disk holds, and leaves nothing of it', async () => {
      const refused = (from: string, changes: Partial<ContainerSpec> = {}) =>
        executor.start(spec({ mounts: mount(from), ...changes })).then(
          () => undefined,
          (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
        )
      const climbing = archiveOf({ path: 'f', body: 'x' }, { path: '../../pwned', body: 'x' })
      expect(await refused(climbing)).toMatch(/^start-failed: The volume data can't begin.* climbs\.$/)
      const through = archiveOf({ path: 'a', type: '2', link: '/etc' }, { path: 'a/x', body: 'x' })
      expect(await refused(through)).toMatch(/^start-failed: .* goes through a link\.$/)
      const large = archiveOf({ path: 'f', body: Buffer.alloc(40 * 1024 * 1024) })
      expect(await refused(large, { leaseDiskMiB: 32 })).toMatch(
        /^start-failed: .* more than there is room for\.$/,
      )
      expect(await refused(join(folder, 'nothing'))).toMatch(/^start-failed: .* is not here any more\.$/)
      expect(existsSync('/pwned')).toBe(false)
      // The next one begins as if nothing had been tried.
      await executor.start(spec({ mounts: mount(archiveOf({ path: 'g', body: 'x' })) }))
      expect(await sh('ls /data')).toBe('g\n')
    })

    it('begins anew where a process died while it filled a volume', async () => {
      const from = archiveOf({ path: 'f', body: 'whole' })
      await executor.start(spec({ name: 'before-0' }))
      if (engine) {
        const docker = new Docker({ socketPath: engine.socketPath })
        const prefix = `cloister-sent-${LEASE.slice(2, 26)}`
        const labels = { 'network.cloister.scope': 'sent', 'network.cloister.lease': LEASE }
        await docker.createVolume({ Name: `${prefix}-data`, Labels: labels })
        const half = await docker.createContainer({
          name: `${prefix}-data.filling`,
          Image: `cloister.local/image:${image.digest.slice(7)}`,
          Labels: labels,
          HostConfig: { Binds: [`${prefix}-data:/half`] },
        })
        await half.putArchive(Readable.from([archive({ path: 'half', body: 'x' })]), { path: '/half' })
        mkdirSync(join(folder, 'files', LEASE.slice(2, 26), '.filling'), { recursive: true })
        writeFileSync(join(folder, 'files', LEASE.slice(2, 26), '.filling', 'data'), '')
        // Nobody is told of what only fills a volume.
        expect((await executor.containers(LEASE)).map((one) => one.name)).toEqual(['before-0'])
      } else {
        const volumes = join(placesOf(join(folder, 'sandbox'), LEASE).folder, 'disk/volumes')
        mkdirSync(join(volumes, '.data/half'), { recursive: true })
        symlinkSync('/etc', join(volumes, '.data/f'))
      }
      await executor.start(spec({ mounts: mount(from) }))
      expect(await sh('ls /data; cat /data/f')).toBe('f\nwhole')
    })

    it('is one volume for containers that start at the same time', async () => {
      const from = archiveOf(...Array.from({ length: 200 }, (_, index) => ({ path: `f${index}`, body: 'x' })))
      const names = ['a-0', 'b-0', 'c-0']
      await Promise.all(names.map((name) => executor.start(spec({ name, mounts: mount(from) }))))
      for (const name of names) expect((await sh('ls /data', name)).split('\n').length).toBe(201)
    })

    it('is put into a container as a large file, with its mode and owner, and counts as the lease’s disk', async () => {
      const content = join(folder, 'large')
      execFileSync('dd', ['if=/dev/urandom', `of=${content}`, 'bs=1M', 'count=150'], { stdio: 'ignore' })
      const digest = createHash('sha256')
        .update(execFileSync('cat', [content], { maxBuffer: 1e9 }))
        .digest('hex')
      const files = [
        { path: '/models/large.bin', content: { file: content }, mode: 0o440, uid: 1001, gid: 1002 },
      ]
      const heap = process.memoryUsage().rss
      await executor.start(spec({ user: 'web', files }))
      expect(process.memoryUsage().rss - heap).toBeLessThan(100 * 1024 * 1024)
      expect(await sh(HASH)).toBe(`${digest}\n`)
      expect(await listed('/models/large.bin')).toBe('100440 1001:1002 1 /models/large.bin\0')
      expect(await executor.diskUsage(LEASE)).toBeGreaterThan(150 * 1024 * 1024)
      await executor.remove(LEASE, 'web-0')
      if (!engine) expect(await executor.diskUsage(LEASE)).toBeLessThan(50 * 1024 * 1024)
    })

    it('is what containers wrote elsewhere, with all its owners', async () => {
      await executor.start(spec())
      expect(await executor.volumes(LEASE)).toEqual([])
      await executor.start(spec({ user: 'web', mounts: mount(archiveOf({ path: 'a/f', body: 'x' })) }))
      await executor.start(spec({ name: 'root-0', mounts: mount(archiveOf()) }))
      await sh(`node -e "${WRITE}"`, 'root-0')
      expect(await executor.volumes(LEASE)).toEqual(['data'])
      const staged = join(folder, 'staged')
      const read = (options: ReadVolumeOptions) => executor.readVolume(LEASE, 'data', options)
      expect((await stageVolume(read, staged)).bytes).toBeGreaterThan(300_000)
      expect((await stageVolume(read, staged)).bytes).toBe(0)
      const before = await listed('/data', 'root-0')
      expect(before.split('\0')).toEqual(
        expect.arrayContaining([
          '40755 1001:1002 1 /data',
          '42775 0:0 1 /data/group',
          '120777 0:0 1 /data/link',
          '100640 7:8 1 /data/large',
          '100644 0:0 2 /data/same',
        ]),
      )
      const missing = executor.readVolume(LEASE, 'other', { known: Buffer.alloc(0), output: () => {} })
      await expect(missing).rejects.toMatchObject({ code: 'not-found' })
      const again = [{ volume: 'again', path: '/data', readOnly: false, from: { staged } }]
      await executor.start(spec({ mounts: again }))
      expect(await listed('/data')).toBe(before)
      expect(await sh('cat /data/same; readlink /data/link')).toBe('own\n/etc/passwd\n')
      // Helpers that read leave nothing behind.
      expect((await executor.containers(LEASE)).map((one) => one.name).sort()).toEqual(['root-0', 'web-0'])
    })

    it('is an image without a registry, its layers packed as they may be, and each tenant’s own', async () => {
      const [one, other] = [join(folder, 'tenant-1'), join(folder, 'tenant-2')]
      const { digest, layers } = await sentImage(join(folder, 'layout'), image.digest, one)
      const reference = `sent.local/team/app@${digest}`
      const unavailable = { code: 'image-unavailable' }
      await expect(executor.pull(reference)).rejects.toMatchObject(unavailable)
      await expect(executor.pull(reference, { sent: other })).rejects.toMatchObject(unavailable)
      const steps: number[] = []
      const sent = await executor.pull(reference, { sent: one, progress: ({ bytes }) => steps.push(bytes) })
      expect(sent).toMatchObject({ reference, digest })
      expect(steps.length).toBeGreaterThan(0)
      await executor.start(spec({ image: sent }))
      expect(await sh('cat /gzip /zstd')).toBe('gzip\nzstd\n')
      // It is here, but a tenant who sent less than all of it has not sent it.
      cpSync(one, other, { recursive: true })
      rmSync(join(other, 'blobs/sha256', layers[0]?.slice(7) ?? ''))
      await expect(executor.pull(reference, { sent: other })).rejects.toMatchObject(unavailable)
      expect((await executor.pull(reference, { sent: one })).digest).toBe(digest)
    })

    it('is no image where it unpacks without end or is packed as it isn’t', async () => {
      const layout = join(folder, `hostile-${name}`)
      const broken = await sentImage(join(folder, 'layout'), image.digest, layout, [
        { kind: 'tar+gzip', bytes: gzipSync(archive({ path: 'f', body: 'x' })).subarray(0, 60) },
      ])
      await expect(executor.pull(`sent.local/a@${broken.digest}`, { sent: layout })).rejects.toMatchObject({
        code: 'image-unavailable',
      })
      const xz = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), Buffer.alloc(600)])
      const odd = await sentImage(join(folder, 'layout'), image.digest, layout, [{ kind: 'tar', bytes: xz }])
      await expect(executor.pull(`sent.local/a@${odd.digest}`, { sent: layout })).rejects.toThrow(
        /bzip2 or xz/,
      )
    })

    it('goes with its volume once no container mounts that, and what was written stays', async () => {
      const from = archiveOf({ path: 'f', body: 'x' })
      const [old, now] = ['site.sent-000000000001', 'site.sent-000000000002']
      const all = ['data', old, now].map((volume) => ({ volume, path: `/${volume}`, readOnly: false, from }))
      await executor.start(spec({ mounts: all }))
      // What is mounted stays, whatever is asked.
      await executor.keepVolumes(LEASE, ['data', now])
      expect(await sh(`ls /${old}`)).toBe('f\n')
      await executor.start(spec({ revision: 'r2', mounts: all.filter(({ volume }) => volume === now) }))
      await executor.keepVolumes(LEASE, [now])
      expect(await volumes()).toEqual(['data', now])
      // Nothing there of a lease is nothing to remove.
      await executor.keepVolumes(`0x${'00'.repeat(32)}`, [])

      async function volumes(): Promise<string[]> {
        if (!engine)
          return readdirSync(join(placesOf(join(folder, 'sandbox'), LEASE).folder, 'disk/volumes')).sort()
        const { Volumes } = await new Docker({ socketPath: engine.socketPath }).listVolumes()
        return Volumes.map(({ Name }) => Name.split('-').slice(3).join('-')).sort()
      }
    })
  })
}

/** A layer to lay over an image's own. */
interface Layer {
  kind: string
  bytes: Buffer
}

const packed = (name: string) => archive({ path: name, body: `${name}\n` })
const PACKED: Layer[] = [
  { kind: 'tar+gzip', bytes: gzipSync(packed('gzip')) },
  { kind: 'tar+zstd', bytes: zstdCompressSync(packed('zstd')) },
]

/**
 * Makes a layout folder as a tenant has it at a worker: blobs and no index, of an image with more layers.
 * Gives its digest and those of its layers.
 */
async function sentImage(
  layout: string,
  base: string,
  folder: string,
  more: Layer[] = PACKED,
): Promise<{ digest: string; layers: string[] }> {
  cpSync(join(layout, 'blobs'), join(folder, 'blobs'), { recursive: true })
  const fileOf = (digest: string) => join(folder, 'blobs/sha256', digest.slice('sha256:'.length))
  const read = (digest: string) => JSON.parse(readFileSync(fileOf(digest), 'utf8'))
  const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const add = (bytes: Buffer) => {
    writeFileSync(fileOf(digestOf(bytes)), bytes)
    return { digest: digestOf(bytes), size: bytes.length }
  }
  const manifest = read(base)
  const config = read(manifest.config.digest)
  for (const { kind, bytes } of more) {
    manifest.layers.push({ mediaType: `application/vnd.oci.image.layer.v1.${kind}`, ...add(bytes) })
    config.rootfs.diff_ids.push(digestOf(kind === 'tar+zstd' ? zstdDecompressSync(bytes) : unzipped(bytes)))
  }
  manifest.config = { ...manifest.config, ...add(Buffer.from(JSON.stringify(config))) }
  const layers = manifest.layers.map(({ digest }: { digest: string }) => digest)
  return { digest: add(Buffer.from(JSON.stringify(manifest))).digest, layers }
}

function unzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes)
  } catch {
    return bytes
  }
}

const LIST = `const fs=require('fs');const w=p=>{const s=fs.lstatSync(p);process.stdout.write([s.mode.toString(8),s.uid+':'+s.gid,s.isDirectory()?1:s.nlink,p].join(' ')+String.fromCharCode(0));if(s.isDirectory())fs.readdirSync(p).sort().forEach(n=>w(p+'/'+n))};w(process.argv[1])`
const WRITE = `const fs=require('fs');fs.mkdirSync('/data/group');fs.chmodSync('/data/group',0o2775);fs.writeFileSync('/data/own','own\\n');fs.symlinkSync('/etc/passwd','/data/link');fs.linkSync('/data/own','/data/same');fs.writeFileSync('/data/large',require('crypto').randomBytes(300001),{mode:0o640});fs.chownSync('/data/large',7,8)`
const HASH = `node -e "const h=require('crypto').createHash('sha256');require('fs').createReadStream('/models/large.bin').on('data',d=>h.update(d)).on('end',()=>console.log(h.digest('hex')))"`
