import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun, startSwarm, type TestSwarm } from '@cloister/development/engines'
import { MuxConnection } from '@cloister/transport'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DockerExecutor } from '../docker/docker.ts'
import type { ContainerSpec, Image } from '../executor.ts'
import { buildImage } from '../oci/build.ts'
import { containerOf, runIn } from '../testing.ts'
import { NodeClient } from './node-client.ts'
import { SwarmExecutor } from './swarm.ts'

const LEASE = `0x${'ab'.repeat(32)}`
const IMAGE = 'cloister/busybox:1'
const SERVER =
  'mkdir /tmp/www; echo hello from $WHO > /tmp/www/index.html; busybox httpd -f -p 8080 -h /tmp/www'
const IDLE = ['busybox', 'sleep', '1000']

describe.skipIf(!canRun('dockerd') || !existsSync('/bin/busybox'))('two machines of a Docker Swarm', () => {
  let folder: string
  let swarm: TestSwarm
  let node: ChildProcess
  let executor: SwarmExecutor
  let local: DockerExecutor
  let image: Image
  let refusal: string | undefined
  let mux: MuxConnection | undefined

  const spec = (name: string, changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
    ...containerOf(LEASE, image),
    name: `${name}-0`,
    service: name,
    peers: ['web', 'other'],
    argv: ['sh', '-c', SERVER],
    env: { WHO: name, PATH: '/usr/bin:/bin' },
    cpuMilli: 100,
    memoryMiB: 64,
    ...changes,
  })
  const sh = (name: string, line: string) => runIn(executor, { lease: LEASE, name }, ['sh', '-c', line])
  const hosts = () =>
    Promise.all([local, remote].map(async (one) => (await one.containers(LEASE)).map((c) => c.name)))
  const open = async () => {
    if (!mux || mux.isFull) {
      const socket = connect({ host: swarm.nodeAddress, port: 7090 })
      await once(socket, 'connect', { signal: AbortSignal.timeout(2_000) })
      mux = new MuxConnection(socket, { idleMs: 60_000 })
    }
    return mux.open()
  }
  const remote = new NodeClient(open, () => mux?.close(undefined))

  const openExecutor = async () => {
    const opened = await SwarmExecutor.connect({
      socketPath: swarm.manager.socketPath,
      scope: 'test',
      local,
      members: [
        { name: 'here', engine: local, refusal: async () => undefined },
        { name: 'there', engine: remote, refusal: async () => refusal },
      ],
      encrypted: false,
      told: () => {},
    })
    await opened.begin()
    return opened
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-swarm-'))
    await buildImage({
      layout: join(folder, 'layout'),
      name: IMAGE,
      programs: { '/bin/busybox': '/bin/busybox', '/bin/sh': '/bin/busybox' },
      files: {},
      entrypoint: [],
      command: [],
      env: {},
    })
    swarm = await startSwarm()
    const [program = '', ...args] = [...swarm.enter, process.execPath]
    const script = join(import.meta.dirname, 'testing-node.ts')
    node = spawn(
      program,
      [...args, script, swarm.node.socketPath, 'test', join(folder, 'node'), swarm.nodeAddress],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    await once(node.stdout as NodeJS.ReadableStream, 'data')
    const images = { layouts: [join(folder, 'layout')], trustedRegistries: [] }
    const { socketPath } = swarm.manager
    local = await DockerExecutor.connect({ socketPath, scope: 'test', folder: join(folder, 'files'), images })
    executor = await openExecutor()
    image = await executor.pull(IMAGE)
  }, 120_000)

  afterAll(async () => {
    await executor?.destroy(LEASE).catch(() => {})
    await executor?.close()
    node?.stdin?.end()
    await swarm?.stop()
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  it('run a lease’s containers where there is room, which find each other by name', async () => {
    await Promise.all([executor.start(spec('web')), executor.start(spec('other'))])
    expect((await executor.containers(LEASE)).map(({ name }) => name).sort()).toEqual(['other-0', 'web-0'])
    expect((await hosts()).map((names) => names.length)).toEqual([1, 1])
    for (const [from, to] of [
      ['web', 'other'],
      ['other', 'web'],
    ]) {
      const ask = `for i in 1 2 3 4 5 6 7 8; do busybox wget -qO- http://${to}:8080/ && break; busybox sleep 0.5; done`
      expect((await sh(`${from}-0`, ask)).output).toContain(`hello from ${to}`)
      const stream = await executor.connect(LEASE, `${to}-0`, 8080)
      stream.write('GET / HTTP/1.0\r\n\r\n')
      let text = ''
      for await (const chunk of stream) text += chunk
      expect(text).toContain(`hello from ${to}`)
    }
  }, 60_000)

  it('run a container on another machine as on this one', async () => {
    const [, there] = await hosts()
    const name = there?.[0] ?? ''
    expect(await sh(name, 'busybox cat; echo out; exit 7')).toEqual({ code: 7, output: 'out\n' })
    const secret = join(folder, 'large')
    await writeFile(secret, 'from a file')
    const files = [
      { path: '/run/secrets/small', content: Buffer.from('hidden'), mode: 0o400 },
      { path: '/run/secrets/large', content: { file: secret }, mode: 0o400 },
    ]
    const argv = [
      'sh',
      '-c',
      'busybox cat /run/secrets/small /run/secrets/large; echo; busybox sleep 1; exit 3',
    ]
    await executor.start(spec(name.replace('-0', ''), { argv, files, revision: 'r2' }))
    // In the place that it had.
    expect((await hosts())[1]).toEqual([name])
    expect(await executor.wait(LEASE, name, AbortSignal.timeout(10_000))).toEqual({
      code: 3,
      outOfMemory: false,
    })
    const lines: string[] = []
    const options = { tail: 10, follow: false, signal: AbortSignal.timeout(10_000) }
    for await (const { text } of executor.logs(LEASE, name, options)) lines.push(text)
    expect(lines).toEqual(['hiddenfrom a file'])
    // Swarm's store knows nothing of what a tenant's programs are told.
    const stored = JSON.stringify(await swarmOf(swarm).listServices())
    expect(stored).toContain(LEASE)
    expect(stored).not.toMatch(/hidden|WHO|hello/)
    await executor.remove(LEASE, name)
    expect((await hosts())[1]).toEqual([])
  }, 60_000)

  it('keep a volume on the machine where it began', async () => {
    const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
    await executor.start(spec('store', { argv: IDLE, mounts }))
    await sh('store-0', 'echo kept > /data/file')
    const before = await hosts()
    await executor.remove(LEASE, 'store-0')
    await executor.start(spec('store', { argv: IDLE, mounts, cpuMilli: 200 }))
    expect(await hosts()).toEqual(before)
    expect((await sh('store-0', 'busybox cat /data/file')).output).toBe('kept\n')
    expect(await executor.volumes(LEASE)).toEqual(['data'])
    await executor.remove(LEASE, 'store-0')
  }, 60_000)

  it('lose what ran on a machine that is not covered any more, and begin it elsewhere', async () => {
    for (const name of ['one', 'two', 'three']) await executor.start(spec(name, { argv: IDLE }))
    const [, there] = await hosts()
    const name = there?.[0] ?? ''
    const ended = executor.wait(LEASE, name, AbortSignal.timeout(30_000))
    refusal = 'it is not attested now'
    expect(await ended).toEqual({ code: 137, outOfMemory: false, lost: true })
    for (const lost of there ?? []) await executor.start(spec(lost.replace('-0', ''), { argv: IDLE }))
    await vi.waitFor(async () => expect((await hosts())[1]).toEqual([]), { timeout: 20_000, interval: 200 })
    expect((await executor.containers(LEASE)).every(({ running }) => running)).toBe(true)
    expect((await executor.containers(LEASE)).map((one) => one.name)).toEqual(
      expect.arrayContaining(there ?? []),
    )
    refusal = undefined
  }, 60_000)

  it('go on under an agent that was started anew, and leave nothing of a lease behind', async () => {
    const before = (await executor.containers(LEASE)).map(({ name, startedAt }) => [name, startedAt]).sort()
    await executor.close()
    executor = await openExecutor()
    expect((await executor.containers(LEASE)).map(({ name, startedAt }) => [name, startedAt]).sort()).toEqual(
      before,
    )
    await executor.destroy(LEASE)
    expect(await executor.leases()).toEqual([])
    for (const { socketPath } of [swarm.manager, swarm.node]) {
      const docker = new Docker({ socketPath })
      const isOurs = ({ Labels }: { Labels?: object | undefined }) =>
        JSON.stringify(Labels ?? {}).includes('network.cloister')
      const networks = await docker.listNetworks()
      expect(networks.filter(isOurs)).toEqual([])
      expect(((await docker.listVolumes()).Volumes ?? []).filter(isOurs)).toEqual([])
      await vi.waitFor(
        async () =>
          expect((await docker.listContainers({ all: true })).map(({ Names }) => Names)).toEqual([]),
        { timeout: 20_000, interval: 200 },
      )
    }
    const docker = swarmOf(swarm)
    expect([await docker.listServices(), await docker.listConfigs()]).toEqual([[], []])
  }, 60_000)
})

function swarmOf({ manager: { socketPath } }: TestSwarm): Docker {
  return new Docker({ socketPath })
}
