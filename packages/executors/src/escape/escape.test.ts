import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DockerExecutor } from '../docker/docker.ts'
import type { ContainerSpec, Executor, Image } from '../executor.ts'
import { buildImage } from '../oci/build.ts'
import { SandboxExecutor } from '../sandbox/sandbox.ts'
import { canRun, startDocker, startPodman, type TestEngine } from '../testing/engines.ts'
import { type OutsideHost, startOutsideHost } from '../testing/outside.ts'
import type { Who } from './attempt.ts'
import { ATTEMPTS } from './attempts.ts'
import { hostState } from './host.ts'
import { type Outcome, probeProgram, readOutcomes } from './probe.ts'

const ENGINES = [
  { name: 'sandbox', program: 'runc', start: undefined },
  { name: 'docker', program: 'dockerd', start: startDocker },
  { name: 'podman', program: 'podman', start: startPodman },
] as const

const LEASE = `0x${'e5'.repeat(32)}`
const OTHER = `0x${'0e'.repeat(32)}`
const SECRET = 'what-nobody-else-may-see'
const IMAGE = 'cloister/escape:1'
const IDLE = ['/usr/bin/perl', '-e', 'sleep 1 while 1']
const SERVE = String.raw`socket(S, 2, 1, 0); bind(S, pack 'S n x12', 2, 8080); listen(S, 9); 1 while accept(C, S)`
/** Networks of a provider's that a tenant has no business in, and where clouds answer with secrets. */
const INSIDE = ['10.213.77.7', '172.16.213.7', '192.168.213.7', '100.64.213.7', '169.254.77.7', '198.18.213.7']

for (const { name, program, start } of ENGINES)
  describe.skipIf(!canRun(program))(`a container of ${name}`, () => {
    let folder: string
    let engine: TestEngine | undefined
    let executor: Executor
    let image: Image
    let worker: Server
    let abstract: Server
    let inside: OutsideHost
    let before: Record<string, string>
    let after: Record<string, string>
    const outcomes: Record<Who, Outcome[]> = { root: [], user: [] }

    const spec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
      lease: LEASE,
      name: 'cell-0',
      service: 'cell',
      peers: ['cell'],
      image,
      revision: 'r1',
      argv: IDLE,
      env: { PATH: '/usr/bin:/bin' },
      workingDir: '/',
      user: '',
      hostname: 'cell',
      mounts: [{ volume: 'data', path: '/data', readOnly: false }],
      tmpfs: [],
      files: [],
      cpuMilli: 1000,
      memoryMiB: 256,
      maxProcesses: 128,
      gpus: 0,
      ulimits: { nofile: { soft: 1024, hard: 1024 } },
      readOnlyRoot: false,
      stopSignal: 'SIGTERM',
      ...changes,
    })

    const run = async (argv: string[], input = '', container = 'cell-0', lease = LEASE) => {
      const session = await executor.exec(lease, container, { argv, terminal: undefined })
      let output = ''
      session.stdout.on('data', (chunk) => (output += chunk))
      session.stderr.on('data', (chunk) => (output += chunk))
      session.stdin.end(input)
      return { code: await session.exit, output }
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-escape-'))
      await writeFile(join(folder, 'marker'), SECRET)
      const tools = ['sh', 'cat', 'true', 'readlink', 'dd', 'mkdir', 'ln', 'mv', 'ls']
      const programs = Object.fromEntries(tools.map((tool) => [`/bin/${tool}`, `/usr/bin/${tool}`]))
      await buildImage({
        layout: join(folder, 'layout'),
        name: IMAGE,
        programs: { '/usr/bin/perl': '/usr/bin/perl', '/bin/rootshell': '/usr/bin/perl', ...programs },
        files: {},
        entrypoint: [],
        command: [],
        env: {},
      })
      const images = { layouts: [join(folder, 'layout')], trustedRegistries: [] }
      engine = await start?.()
      executor = engine
        ? await DockerExecutor.connect({ socketPath: engine.socketPath, scope: 'escape', folder: join(folder, 'files'), images })
        : await SandboxExecutor.open({ folder: join(folder, 'sandbox'), imageFolder: join(folder, 'images'), images })
      image = await executor.pull(IMAGE)
      worker = createServer((socket) => socket.end('the worker')).listen(0, '::')
      abstract = createServer((socket) => socket.end('the host')).listen(`\0cloister-escape-${process.pid}-${name}`)
      await Promise.all([worker, abstract].map((server) => new Promise((resolve) => server.once('listening', resolve))))
      const { port } = worker.address() as AddressInfo
      inside = await startOutsideHost(INSIDE, port)
      for (const address of INSIDE) expect(await reaches(address, port)).toBe(true)

      await executor.start(spec({ lease: OTHER, name: 'other-0', argv: ['/usr/bin/perl', '-e', SERVE, SECRET] }))
      const addresses = `print join "\n", map { /^\\s+32 host LOCAL/ && $last !~ /127/ ? $last : do { ($last) = /([\\d.]+)$/; () } } do { open F, '/proc/net/fib_trie'; <F> }`
      const otherAddresses = (await run(['/usr/bin/perl', '-e', addresses], '', 'other-0', OTHER)).output.split('\n').filter(Boolean)
      await executor.start(spec())
      // A set-user-id program, which an image may well have.
      await run(['/usr/bin/perl', '-e', 'chmod 04755, "/bin/rootshell"'])
      await executor.start(spec({ name: 'user-0', user: '1000:1000' }))
      const own = networkInterfaces()
      const addressesOf = (family: string) =>
        Object.values(own).flatMap((list) => (list ?? []).filter((one) => one.family === family && !one.internal).map((one) => one.address))
      const disk = statSync('/').dev
      const host = {
        marker: join(folder, 'marker'),
        secret: SECRET,
        process: process.pid,
        other: hostProcess('accept(C, S)'),
        disk: '/dev/vda',
        diskNumber: disk,
        abstract: `cloister-escape-${process.pid}-${name}`,
        port,
        addresses4: addressesOf('IPv4'),
        addresses6: addressesOf('IPv6').map((address) => hexOf(address)),
        inside: INSIDE,
        otherAddresses,
        engine: engine?.socketPath ?? '/run/runc',
      }
      before = hostState(engine && 'cloister_escape')
      for (const [who, container] of [
        ['root', 'cell-0'],
        ['user', 'user-0'],
      ] as const)
        outcomes[who] = readOutcomes(ATTEMPTS, (await run(['/usr/bin/perl', '-'], probeProgram(ATTEMPTS, host), container)).output)
      after = hostState(engine && 'cloister_escape')
    }, 120_000)

    afterAll(async () => {
      worker?.close()
      abstract?.close()
      inside?.stop()
      await executor?.destroy(LEASE)
      await executor?.destroy(OTHER)
      await executor?.close()
      await engine?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }, 60_000)

    for (const who of ['root', 'user'] as const)
      describe(`run as ${who === 'root' ? 'root' : 'an ordinary user'}, refuses to`, () => {
        for (const [index, { name: what, by }] of ATTEMPTS.entries())
          if (by === undefined || by === who) it(what, () => expect(outcomes[who][index]).toBe('refused'))
      })

    it('leaves the host as it was', () => expect(changesOf(before, after)).toEqual({}))
  })

/** What is there before and after, where it isn't the same. */
function changesOf(before: Record<string, string>, after: Record<string, string>): Record<string, (string | undefined)[]> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return Object.fromEntries([...names].filter((name) => before[name] !== after[name]).map((name) => [name, [before[name], after[name]]]))
}

/** A process of this machine by a part of its command line. */
function hostProcess(part: string): number {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(part)) return Number(pid)
    } catch {
      // It has ended.
    }
  throw new Error(`no process ${part}`)
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5_000 })
    for (const event of ['error', 'timeout'] as const) socket.once(event, () => resolve(false))
    socket.once('connect', () => resolve(true)).once('connect', () => socket.destroy())
  })
}

/** An IPv6 address as 32 digits. */
function hexOf(address: string): string {
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::')
  const groups = (text: string) =>
    text
      .split(':')
      .filter(Boolean)
      .map((group) => group.padStart(4, '0'))
  const [first, last] = [groups(head), groups(tail)]
  return [...first, ...Array(8 - first.length - last.length).fill('0000'), ...last].join('')
}
