import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun, startSwarm, type TestSwarm } from '@cloister/development/engines'
import { MuxConnection } from '@cloister/transport'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DockerExecutor } from '../docker/docker.ts'
import type { ContainerSpec, Image } from '../executor.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { containerOf, IDLE, runIn } from '../testing.ts'
import { NodeClient } from './node-client.ts'
import { SwarmExecutor } from './swarm.ts'

const LEASE = `0x${'ab'.repeat(32)}`
const SERVER = `require('http').createServer((q,s)=>s.end('hello from '+process.env.WHO)).listen(8080)`

describe.skipIf(!canRun('dockerd'))('two machines of a Docker Swarm', () => {
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
    argv: ['node', '-e', SERVER],
    env: { WHO: name, PATH: '/usr/bin:/bin' },
    cpuMilli: 100,
    ...changes,
  })
  const sh = (name: string, line: string) => runIn(executor, { lease: LEASE, name }, ['sh', '-c', line])
  const hosts = () => Promise.all([local, remote].map(async (one) => (await one.containers(LEASE)).map((c) => c.name)))
  const open = async () => {
    if (!mux || mux.isFull) {
      const socket = connect({ host: swarm.nodeAddress, port: 7090 })
      await once(socket, 'connect', { signal: AbortSignal.timeout(2_000) })
      mux = new MuxConnection(socket, { idleMs: 60_000, pingMs: 1_000 })
    }
    return mux.open()
  }
  const remote = new NodeClient(open)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-swarm-'))
    await buildWorkbench(join(folder, 'layout'))
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
    executor = await SwarmExecutor.connect({
      socketPath,
      scope: 'test',
      local,
      members: [
        { name: 'here', engine: local, refusal: async () => undefined },
        { name: 'there', engine: remote, refusal: async () => refusal },
      ],
      encrypted: false,
      told: (...line) => process.env['SHOW'] && console.log(...line),
    })
    await executor.begin()
    image = await executor.pull(WORKBENCH_IMAGE)
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
      const ask = `node -e "const g=(n)=>require('http').get('http://${to}:8080',r=>r.on('data',d=>console.log(String(d)))).on('error',e=>n?setTimeout(g,100,n-1):console.log(e.message));g(40)"`
      expect((await sh(`${from}-0`, ask)).output).toContain(`hello from ${to}`)
      const stream = await executor.connect(LEASE, `${to}-0`, 8080)
      stream.write('GET / HTTP/1.0\r\n\r\n')
      let text = ''
      for await (const chunk of stream) text += chunk
      expect(text).toContain(`hello from ${to}`)
    }
  }, 60_000)
})
