import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun, hasRegistry, type Registry } from '@cloister/development/engines'
import { applyOps, hasKubernetes, startCluster, type TestCluster } from '@cloister/development/kubernetes'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ContainerSpec, Image, Notice } from '../executor.ts'
import { archive } from '../oci/tar-testing.ts'
import { buildWorkbench } from '../oci/workbench.ts'
import { preparePause } from '../testing/pause.ts'
import { containerOf, IDLE, runIn } from '../testing.ts'
import { volumeOfArchive } from '../volumes/names.ts'
import { stageVolume } from '../volumes/read-testing.ts'
import { Cluster } from './cluster.ts'
import { KubernetesExecutor, type KubernetesSettings } from './kubernetes.ts'
import { namespaceOf, nodeLabel } from './names.ts'

const LEASE = `0x${'5e'.repeat(32)}`
const OTHER = `0x${'c4'.repeat(32)}`
const SCOPE = 'testscope'
const SERVER = `require('http').createServer((q,s)=>s.end('hello from '+process.env.WHO)).listen(8080)`
const SECRET = 'correct-horse-battery-staple'

/** `npm run try-kubernetes` runs it, with what `scripts/build-kubernetes.ts` has built. */
const isWanted = process.env['CLOISTER_KUBERNETES'] === '1'

describe.skipIf(!isWanted || !hasKubernetes() || !canRun('dockerd') || !hasRegistry)(
  'kubernetes executor, on the API server, controllers, scheduler and kubelet of Kubernetes 1.20',
  () => {
    let folder: string
    let cluster: TestCluster
    let control: TestCluster['control']
    let registry: Registry
    let executor: KubernetesExecutor
    let image: Image
    let refusal: string | undefined
    const said: string[] = []
    const notices: Notice[] = []

    const settings = (): KubernetesSettings => ({
      kubeconfig: cluster.agentConfig,
      leaseRole: { role: 'cloister-lease', account: 'agent', namespace: 'cloister' },
      scope: SCOPE,
      folder: join(folder, 'own'),
      images: { layouts: [], trustedRegistries: [registry.host] },
      storageClass: 'fake',
      gpuResource: 'nvidia.com/gpu',
      workerNetworks: [],
      closedNetworks: [],
      isClosed: false,
      nodes: [{ name: 'node-1', refusal: async () => refusal }],
      told: (_, message) => said.push(message),
    })

    const spec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
      ...containerOf(LEASE, image),
      argv: ['node', '-e', SERVER],
      env: { WHO: 'pod', PATH: '/usr/bin:/bin' },
      memoryMiB: 256,
      cpuMilli: 100,
      leaseDiskMiB: 512,
      ...changes,
    })

    const sh = (line: string, name = 'web-0') => runIn(executor, { lease: LEASE, name }, ['sh', '-c', line])

    const get = async (name = 'web-0') => {
      for (let tries = 0; ; tries++) {
        try {
          const stream = await executor.connect(LEASE, name, 8080)
          stream.write('GET / HTTP/1.0\r\n\r\n')
          let text = ''
          for await (const chunk of stream) text += chunk
          if (text !== '') return text
        } catch {
          // It doesn't listen yet.
        }
        if (tries > 100) throw new Error('no answer')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }

    const statusOf = async (name: string) =>
      (await executor.containers(LEASE)).find((one) => one.name === name)

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-kubernetes-'))
      const layout = join(folder, 'layout')
      const digest = await buildWorkbench(layout)
      cluster = await startCluster(folder, preparePause)
      ;({ control, registry } = cluster)
      await registry.push(layout, digest, 'team/workbench', '1')
      executor = await KubernetesExecutor.connect(settings())
      executor.onNotice((notice) => notices.push(notice))
      await executor.begin()
      image = await executor.pull(`${registry.host}/team/workbench:1`)
    }, 300_000)

    afterAll(async () => {
      await executor?.close()
      await cluster?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }, 120_000)

    it('is set up by what ops/kubernetes has', async () => {
      await applyOps(control, 'agent.yaml', true)
      const reachedBy = async (path: string) =>
        KubernetesExecutor.connect(settings()).then(async (other) => {
          await other.close()
          return (await Cluster.open(settings())).get(path)
        })
      // Secrets of the cluster, and what runs beside leases, are none of the worker's business.
      await expect(reachedBy('/api/v1/namespaces/kube-system/secrets')).rejects.toThrow(/forbidden/)
      await expect(reachedBy('/api/v1/namespaces/kube-system/pods/x/log')).rejects.toThrow(/forbidden/)
    })

    it('runs a container by digest, in a namespace of its lease, and answers on its port', async () => {
      await executor.start(spec({ peers: ['web', 'db'], aliases: { front: 'web', my_db: 'db' } }))
      expect(await get()).toContain('hello from pod')
      expect(await statusOf('web-0')).toMatchObject({ running: true, revision: 'r1', digest: image.digest })
      expect(await executor.leases()).toEqual([LEASE])
      const within = `/api/v1/namespaces/${namespaceOf(SCOPE, LEASE)}`
      const pods = await control.ask<{ items: { spec: { containers: { image: string }[] } }[] }>(
        'GET',
        `${within}/pods`,
      )
      expect(pods.items[0]?.spec.containers[0]?.image).toBe(`${registry.host}/team/workbench@${image.digest}`)
      const names = async (path: string) =>
        (await control.ask<{ items: { metadata: { name: string } }[] }>('GET', path)).items.map(
          (one) => one.metadata.name,
        )
      expect(await names(`${within}/services`)).toEqual(['db', 'front', 'web'])
      expect(
        await names(`/apis/networking.k8s.io/v1/namespaces/${namespaceOf(SCOPE, LEASE)}/networkpolicies`),
      ).toEqual(['lease', 'nothing'])
      expect(await names(`${within}/resourcequotas`)).toEqual(['cloister'])
      const endpoints = async () =>
        (await control.ask<{ subsets?: { addresses: unknown[] }[] }>('GET', `${within}/endpoints/front`))
          .subsets
      await vi.waitFor(async () => expect((await endpoints())?.[0]?.addresses).toHaveLength(1), {
        timeout: 15_000,
      })
    }, 120_000)

    it('leaves nothing in the cluster’s store of what programs are told', async () => {
      await executor.start(
        spec({
          name: 'told-0',
          argv: ['sh', '-c', `echo argument ${SECRET}-1; cat /run/secret; echo $WHO; sleep 600`],
          env: { PATH: '/usr/bin:/bin', WHO: `variable ${SECRET}-2` },
          files: [{ path: '/run/secret', content: Buffer.from(`file ${SECRET}-3\n`), mode: 0o400 }],
        }),
      )
      const seen: string[] = []
      for await (const { text } of executor.logs(LEASE, 'told-0', {
        tail: 10,
        follow: true,
        signal: AbortSignal.timeout(30_000),
      }))
        if (seen.push(text) === 3) break
      expect(seen).toEqual([`argument ${SECRET}-1`, `file ${SECRET}-3`, `variable ${SECRET}-2`])
      const asked = await runIn(executor, { lease: LEASE, name: 'told-0' }, [
        'sh',
        '-c',
        `echo ${SECRET}-4 $WHO`,
      ])
      expect(asked.output).toBe(`${SECRET}-4 variable ${SECRET}-2\n`)
      const grep = execFileSync('sh', ['-c', `grep -rlaF ${SECRET} '${join(folder, 'control')}' || true`], {
        encoding: 'utf8',
      })
      expect(grep).toBe('')
      expect(
        execFileSync('sh', ['-c', `grep -rlaF cloister-testscope '${join(folder, 'control')}/etcd'`], {
          encoding: 'utf8',
        }),
      ).not.toBe('')
      await executor.remove(LEASE, 'told-0')
    }, 120_000)

    it('confines a container, and gives it files, folders in memory and limits as stated', async () => {
      await executor.start(
        spec({
          argv: IDLE,
          user: '1000:1001',
          groups: ['4242'],
          readOnlyRoot: true,
          workingDir: '/desk/here',
          tmpfs: [
            { path: '/scratch', sizeMiB: 3, mode: 0o710, uid: 1000 },
            { path: '/desk', sizeMiB: 1 },
          ],
          shmMiB: 7,
          ulimits: { nofile: { soft: 100, hard: 200 } },
          hosts: { 'license.example': '203.0.113.9' },
          files: [
            { path: '/etc/own/a', content: Buffer.from('a'), mode: 0o440, uid: 0, gid: 1001 },
            { path: '/etc/b', content: Buffer.alloc(3_000_000, 'b'), mode: 0o666, writable: true },
            { path: '/etc/c', content: Buffer.from('c'), mode: 0o400 },
          ],
        }),
      )
      const print = async (line: string) => (await sh(line)).output.trim()
      expect(await print('id -u; id -g; id -G')).toBe('1000\n1001\n1001 4242')
      expect(
        await print('cat /etc/own/a; cat /etc/c 2>&1; echo x >> /etc/b && echo wrote; touch /x 2>&1'),
      ).toMatch(/^acat: .*denied\nwrote\n.*Read-only/s)
      const status = await print('cat /proc/1/status')
      expect(status).toMatch(/^CapBnd:\t0{16}$/m)
      expect(status).toMatch(/^NoNewPrivs:\t1$/m)
      expect(status).toMatch(/^Seccomp:\t2$/m)
      // Node raises what it may.
      expect(await print('cat /proc/1/limits')).toMatch(/Max open files\s+\d+\s+200/)
      expect(await print('readlink /proc/1/cwd; cat /etc/hosts')).toMatch(
        /^\/desk\/here[\s\S]*203\.0\.113\.9\s+license\.example/,
      )
      const mounts = await print('cat /proc/mounts')
      expect(mounts).toMatch(/ \/scratch tmpfs /)
      expect(await print('ls -ldn /scratch')).toMatch(/^drwx--x--- .* 1000 /)
      expect(await print('ls /var/run/secrets 2>&1')).toMatch(/No such/)
      await executor.start(spec({ argv: IDLE, capabilities: ['CHOWN'] }))
      expect(await print('cat /proc/1/status')).toMatch(/^CapBnd:\t0{15}1$/m)
    }, 120_000)

    it('runs commands, passes input to its end, exit codes, and gives a terminal', async () => {
      await executor.start(spec())
      expect(await sh('echo out; exit 7')).toEqual({ code: 7, output: 'out\n' })
      const input = 'x'.repeat(1_000_000)
      expect((await runIn(executor, { lease: LEASE, name: 'web-0' }, ['cat'], input)).output === input).toBe(
        true,
      )
      expect((await runIn(executor, { lease: LEASE, name: 'web-0' }, ['no-such-program'])).code).toBe(127)
      const terminal = await executor.exec(LEASE, 'web-0', {
        argv: ['sh', '-c', 'sleep 0.5; stty size; test -t 0 && echo tty $WHO'],
        terminal: { columns: 97, rows: 31 },
      })
      let shown = ''
      terminal.stdout.on('data', (chunk) => (shown += chunk))
      expect(await terminal.exit).toBe(0)
      expect(shown).toContain('tty pod')
      expect(shown).toContain('31 97')
      const usage = await executor.usage(LEASE, 'web-0')
      expect(usage.memoryBytes).toBeGreaterThan(1_000_000)
      expect(usage.cpuSeconds).toBeGreaterThan(0)
      expect(usage.processes).toBeGreaterThan(0)
      expect((await executor.traffic(LEASE))?.received).toBeGreaterThan(0)
    }, 120_000)

    it('follows what a container prints without a gap, through restarts of the container and of the API server', async () => {
      const count = `let i=0;const n=+process.env.MANY;const t=setInterval(()=>{console.log(i++);if(i===n){clearInterval(t)}},5)`
      const many = 1500
      await executor.start(
        spec({
          name: 'count-0',
          argv: ['node', '-e', count],
          env: { PATH: '/usr/bin:/bin', MANY: String(many) },
        }),
      )
      const seen: number[] = []
      const abort = new AbortController()
      const following = (async () => {
        for await (const { text } of executor.logs(LEASE, 'count-0', {
          tail: 100_000,
          follow: true,
          signal: abort.signal,
        }))
          if (seen.push(Number(text)) === 2 * many) break
      })()
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(100), { timeout: 30_000, interval: 50 })
      await control.restartApiServer()
      await vi.waitFor(() => expect(seen.length).toBe(many), { timeout: 60_000, interval: 100 })
      await vi.waitFor(
        async () => expect(await statusOf('count-0')).toMatchObject({ running: false, exit: { code: 0 } }),
        { timeout: 30_000 },
      )
      await executor.restart(LEASE, 'count-0')
      await following
      const run = Array.from({ length: many }, (_, index) => index)
      expect(seen).toEqual([...run, ...run])
      const last: string[] = []
      for await (const { text } of executor.logs(LEASE, 'count-0', {
        tail: many + 1,
        follow: false,
        signal: abort.signal,
      }))
        last.push(text)
      expect(last.slice(0, 2)).toEqual([String(many - 1), '0'])
      await executor.remove(LEASE, 'count-0')
    }, 240_000)

    it('tells how a container ended, starts it again, stops it by its signal, and kills one that does not listen', async () => {
      const { signal } = new AbortController()
      await executor.start(spec({ name: 'brief-0', argv: ['sh', '-c', 'sleep 0.2; exit 3'] }))
      expect(await executor.wait(LEASE, 'brief-0', signal)).toEqual({ code: 3, outOfMemory: false })
      await executor.restart(LEASE, 'brief-0')
      expect((await executor.wait(LEASE, 'brief-0', signal)).code).toBe(3)
      const greedy = 'const a=[];for(;;)a.push(Buffer.alloc(1<<20,1))'
      await executor.start(spec({ name: 'greedy-0', memoryMiB: 64, argv: ['node', '-e', greedy] }))
      expect(await executor.wait(LEASE, 'greedy-0', signal)).toMatchObject({ outOfMemory: true })
      const ready = async (name: string) => {
        for await (const { text } of executor.logs(LEASE, name, {
          tail: 5,
          follow: true,
          signal: AbortSignal.timeout(20_000),
        }))
          if (text === 'ready') return
      }
      const trap = `process.on('SIGINT',()=>process.exit(5));setInterval(()=>{},1000);console.log('ready')`
      await executor.start(spec({ name: 'polite-0', argv: ['node', '-e', trap], stopSignal: 'SIGINT' }))
      await ready('polite-0')
      await executor.stop(LEASE, 'polite-0', 10_000)
      expect((await statusOf('polite-0'))?.exit).toEqual({ code: 5, outOfMemory: false })
      const deaf = `process.on('SIGTERM',()=>{});setInterval(()=>{},1000);console.log('ready')`
      await executor.start(spec({ name: 'deaf-0', argv: ['node', '-e', deaf] }))
      await ready('deaf-0')
      await executor.stop(LEASE, 'deaf-0', 500)
      expect((await statusOf('deaf-0'))?.exit).toMatchObject({ code: 137 })
      for (const name of ['brief-0', 'greedy-0', 'polite-0', 'deaf-0']) await executor.remove(LEASE, name)
      expect(await statusOf('deaf-0')).toBeUndefined()
    }, 240_000)

    it('keeps a volume for the next container that mounts it', async () => {
      const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
      await executor.start(
        spec({ name: 'write-0', user: '1000', mounts, argv: ['sh', '-c', 'echo kept > /data/file'] }),
      )
      expect((await executor.wait(LEASE, 'write-0', new AbortController().signal)).code).toBe(0)
      await executor.remove(LEASE, 'write-0')
      await executor.start(spec({ name: 'read-0', mounts, argv: IDLE }))
      expect((await sh('cat /data/file', 'read-0')).output).toBe('kept\n')
      expect(await executor.volumes(LEASE)).toEqual(['data'])
      await executor.remove(LEASE, 'read-0')
    }, 120_000)

    it('begins a volume with what the image has at its path, once, and an empty one is its user’s', async () => {
      const seen = async (name: string) => (await sh('ls -ln /bin; stat -c %u:%g:%a /bin', name)).output
      const mounts = [
        { volume: 'tools', path: '/bin', readOnly: false },
        { volume: 'bare', path: '/usr', readOnly: true, noCopy: true as const },
        { volume: 'own', path: '/own', readOnly: false },
      ]
      await executor.start(spec({ name: 'plain-0', argv: ['/bin/sleep', '1000'] }))
      const kept = (user: string) => spec({ name: 'kept-0', user, mounts, argv: ['/bin/sleep', '1000'] })
      await executor.start(kept('1000:1001'))
      expect(await seen('kept-0')).toBe(await seen('plain-0'))
      const owners = async () => (await sh('ls /usr; stat -c %u:%g /own; touch /own/x', 'kept-0')).output
      expect(await owners()).toBe('1000:1001\n')
      await executor.remove(LEASE, 'plain-0')
      // What was changed is not begun again, and the next user has none of it.
      await executor.start(kept('0'))
      await sh('rm /bin/dd /bin/ps', 'kept-0')
      await executor.start(kept('0'))
      expect((await sh('ls /bin', 'kept-0')).output).not.toMatch(/^(dd|ps)$/m)
      expect(await owners()).toBe('1000:1001\n')
      await executor.remove(LEASE, 'kept-0')
    }, 240_000)

    it('begins a volume with what was sent, once, and reads one beside what writes to it', async () => {
      const sent = join(folder, 'sent.tar')
      await writeFile(
        sent,
        archive(
          { path: 'deep/', type: '5', mode: 0o750 },
          { path: 'deep/file', body: `${SECRET}-5`, mode: 0o640 },
          { path: 'large', body: Buffer.alloc(3_000_000, 'l') },
        ),
      )
      const own = volumeOfArchive('conf', `sha256:${'d'.repeat(64)}`)
      const mounts = [
        { volume: 'filled', path: '/data', readOnly: false, from: sent },
        { volume: own, path: '/conf', readOnly: true, from: sent },
      ]
      const filled = (name: string) => spec({ name, user: '1000:1001', mounts, argv: IDLE })
      await executor.start(filled('fill-0'))
      const list = 'cd /data; ls -ln deep large; cat deep/file; cat /conf/deep/file; stat -c %s large'
      expect((await sh(list, 'fill-0')).output).toMatch(
        new RegExp(`-rw-r----- +1 +1000 +1001 .*file[\\s\\S]*${SECRET}-5${SECRET}-53000000`),
      )
      expect((await sh('echo mine > /conf/x', 'fill-0')).code).not.toBe(0)
      await sh('echo changed > /data/deep/file; rm /data/large', 'fill-0')
      await executor.restart(LEASE, 'fill-0')
      await executor.start(filled('fill-0'))
      expect((await sh('cat /data/deep/file; ls /data', 'fill-0')).output).toBe('changed\ndeep\n')
      expect(await executor.volumes(LEASE)).toContain('filled')
      expect(await executor.volumes(LEASE)).not.toContain(own)
      const { summary, inventory } = await stageVolume(
        (options) => executor.readVolume(LEASE, 'filled', options),
        join(folder, 'staged'),
      )
      expect(summary).toBeDefined()
      expect(inventory).toContain('deep/file')
      const staged = { staged: join(folder, 'staged') }
      await executor.start(
        spec({
          name: 'moved-0',
          mounts: [{ volume: 'moved', path: '/data', readOnly: false, from: staged }],
          argv: IDLE,
        }),
      )
      expect((await sh('cat /data/deep/file; ls -ln /data/deep', 'moved-0')).output).toMatch(
        /changed[\s\S]* 1000 +1001 /,
      )
      expect(await executor.containers(LEASE)).not.toContainEqual(
        expect.objectContaining({ name: 'reading' }),
      )
      await expect(
        executor.readVolume(LEASE, 'none', { known: Buffer.alloc(0), output: () => {} }),
      ).rejects.toMatchObject({ code: 'not-found' })
      await executor.remove(LEASE, 'moved-0')
      await executor.remove(LEASE, 'fill-0')
      await executor.keepVolumes(LEASE, [])
      const claims = `/api/v1/namespaces/${namespaceOf(SCOPE, LEASE)}/persistentvolumeclaims`
      const gone = async () => JSON.stringify(await control.ask('GET', claims)).includes(own)
      await vi.waitFor(async () => expect(await gone()).toBe(false), { timeout: 15_000 })
      const grep = `grep -rlaF ${SECRET}-5 '${join(folder, 'control')}' /var/log/pods/cloister-${SCOPE}* || true`
      expect(execFileSync('sh', ['-c', grep], { encoding: 'utf8' })).toBe('')
    }, 480_000)

    it('tells a lease what its cluster complains of', async () => {
      const start = executor.start(spec({ name: 'huge-0', cpuMilli: 900_000 })).catch((error) => error)
      await vi.waitFor(
        () =>
          expect(notices).toContainEqual({
            lease: LEASE,
            message: expect.stringMatching(/^huge-0: the cluster says FailedScheduling: .*Insufficient cpu/),
          }),
        { timeout: 60_000 },
      )
      await executor.remove(LEASE, 'huge-0')
      expect(await start).toMatchObject({ code: 'start-failed' })
    }, 120_000)

    // This kubelet says nothing of containers over Docker, nor of folders as volumes: that it answers at all
    // shows that the right is enough.
    it('asks kubelets how much disk is taken, where it may', async () => {
      await executor.start(spec({ argv: IDLE }))
      expect(await executor.diskUsage(LEASE)).toBe(0)
      expect(said.join()).toContain('disk-usage.yaml')
      const own = await Cluster.open(settings())
      const summary = (node: string) => own.get(`/api/v1/nodes/${node}/proxy/stats/summary`)
      await expect(summary('node-1')).rejects.toThrow(/forbidden/)
      await applyOps(control, 'disk-usage.yaml')
      await vi.waitFor(async () => expect(JSON.stringify(await summary('node-1'))).toContain('"node-1"'), {
        timeout: 30_000,
        interval: 1_000,
      })
      await expect(summary('other')).rejects.toThrow(/forbidden/)
    }, 180_000)

    it('refuses what a cluster can’t have, before anything is made', async () => {
      const refused = async (changes: Partial<ContainerSpec>) =>
        expect(executor.start(spec({ lease: OTHER, ...changes }))).rejects.toMatchObject({
          code: 'start-failed',
        })
      await refused({ user: 'somebody' })
      await refused({ agentFolder: '/tmp' })
      await refused({ groups: ['wheel'] })
      await expect(executor.pull(`sent.cloister.network/x@sha256:${'a'.repeat(64)}`)).rejects.toThrow()
      expect(await executor.leases()).toEqual([LEASE])
    })

    it('adopts what runs, after a crash of the worker', async () => {
      await executor.start(spec())
      // Nothing of the old one is told that it ends.
      const next = await KubernetesExecutor.connect(settings())
      await next.begin()
      expect((await next.containers(LEASE)).find(({ name }) => name === 'web-0')).toMatchObject({
        running: true,
      })
      const asked = await runIn(next, { lease: LEASE, name: 'web-0' }, ['sh', '-c', 'echo $WHO'])
      expect(asked).toEqual({ code: 0, output: 'pod\n' })
      await executor.close()
      executor = next
    }, 60_000)

    it('takes containers away from a machine that is no more covered, and gives it none', async () => {
      const wait = executor.wait(LEASE, 'web-0', AbortSignal.timeout(60_000))
      refusal = 'it is not attested now'
      expect(await wait).toMatchObject({ lost: true })
      const { metadata } = await control.ask<{ metadata: { labels: Record<string, string> } }>(
        'GET',
        '/api/v1/nodes/node-1',
      )
      expect(metadata.labels[nodeLabel(SCOPE)]).toBeUndefined()
      expect(await executor.hasRoomFor({ cpuMilli: 100, memoryMiB: 64 })).toBe(false)
      // Kubelet may not say so itself.
      const labels = { [nodeLabel(SCOPE)]: 'true' }
      const own = await control
        .askAs(
          'node-1',
          'PATCH',
          '/api/v1/nodes/node-1',
          { metadata: { labels } },
          'application/merge-patch+json',
        )
        .then(
          () => 'labelled',
          (error) => String(error),
        )
      expect(own).toMatch(/403|not allowed|forbidden/i)
      refusal = undefined
      await vi.waitFor(
        async () => expect(await executor.hasRoomFor({ cpuMilli: 100, memoryMiB: 64 })).toBe(true),
        { timeout: 20_000 },
      )
      await executor.start(spec())
      expect(await get()).toContain('hello from pod')
    }, 120_000)

    it('says that a container is lost with its machine', async () => {
      const wait = executor.wait(LEASE, 'web-0', AbortSignal.timeout(150_000))
      await cluster.node.silence()
      expect(await wait).toMatchObject({ code: 137, lost: true })
      await cluster.startNode()
      await executor.start(spec())
      expect(await get()).toContain('hello from pod')
    }, 300_000)

    it('leaves nothing of a lease behind', async () => {
      await executor.destroy(LEASE)
      expect(await executor.leases()).toEqual([])
      expect(await executor.containers(LEASE)).toEqual([])
      await expect(control.ask('GET', `/api/v1/namespaces/${namespaceOf(SCOPE, LEASE)}`)).rejects.toThrow()
    }, 240_000)
  },
)
