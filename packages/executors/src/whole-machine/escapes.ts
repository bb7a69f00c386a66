import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { canRun, type OutsideHost, startOutsideHost, type TestEngine } from '@cloister/development/engines'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerSpec, Executor, Image } from '../executor.ts'
import { buildImage } from '../oci/build.ts'
import { containerOf, openExecutor, runIn, TRIED } from '../testing.ts'
import type { Who } from './escape/attempt.ts'
import { ATTEMPTS } from './escape/attempts.ts'
import { BYSTANDER, GREEDY, HOARDS } from './escape/hoards.ts'
import { hostState } from './escape/host.ts'
import { buildHostileImages, DESCRIPTORS, HOSTILE } from './escape/hostile-images.ts'
import { deedProgram, nameOfError, type Outcome, probeProgram, readOutcomes } from './escape/probe.ts'

const LEASE = `0x${'e5'.repeat(32)}`
const OTHER = `0x${'0e'.repeat(32)}`
const SECRET = 'what-nobody-else-may-see'
const THIRD = `0x${'7e'.repeat(32)}`
const BASE = 'cloister/escape-base:1'
const forever = new AbortController().signal
const IDLE = ['/usr/bin/perl', '-e', 'sleep 1 while 1']
const SERVE = String.raw`socket(S, 2, 1, 0); bind(S, pack 'S n x12', 2, 8080); listen(S, 9); 1 while accept(C, S)`
/** Networks of a provider's that a tenant has no business in, and where clouds answer with secrets. */
const INSIDE = [
  '10.213.77.7',
  '172.16.213.7',
  '192.168.213.7',
  '100.64.213.7',
  '169.254.77.7',
  '198.18.213.7',
]

for (const { name, program, start } of TRIED)
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
      ...containerOf(LEASE, image),
      name: 'cell-0',
      service: 'cell',
      peers: ['cell'],
      argv: IDLE,
      hostname: 'cell',
      mounts: [{ volume: 'data', path: '/data', readOnly: false }],
      ulimits: { nofile: { soft: 1024, hard: 1024 } },
      ...changes,
    })

    const run = (argv: string[], input = '', name = 'cell-0', lease = LEASE) =>
      runIn(executor, { lease, name }, argv, input)

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-escape-'))
      await writeFile(join(folder, 'marker'), SECRET)
      const tools = ['sh', 'cat', 'true', 'readlink', 'dd', 'mkdir', 'ln', 'mv', 'ls']
      const programs = Object.fromEntries(tools.map((tool) => [`/bin/${tool}`, `/usr/bin/${tool}`]))
      await buildImage({
        layout: join(folder, 'layout'),
        name: BASE,
        programs: { '/usr/bin/perl': '/usr/bin/perl', ...programs },
        files: {},
        entrypoint: [],
        command: [],
        env: {},
      })
      await mkdir(join(folder, 'outside'))
      await buildHostileImages(join(folder, 'layout'), BASE, join(folder, 'outside'), statSync('/').dev)
      ;({ executor, engine } = await openExecutor(start, folder, 'escape'))
      image = await executor.pull(HOSTILE.main)
      worker = createServer((socket) => socket.end('the worker')).listen(0, '::')
      abstract = createServer((socket) => socket.end('the host')).listen(
        `\0cloister-escape-${process.pid}-${name}`,
      )
      await Promise.all(
        [worker, abstract].map((server) => new Promise((resolve) => server.once('listening', resolve))),
      )
      const { port } = worker.address() as AddressInfo
      inside = await startOutsideHost(INSIDE, port)
      for (const address of INSIDE) expect(await reaches(address, port)).toBe(true)

      await executor.start(
        spec({ lease: OTHER, name: 'other-0', argv: ['/usr/bin/perl', '-e', SERVE, SECRET] }),
      )
      const addresses = `print join "\n", map { /^\\s+32 host LOCAL/ && $last !~ /127/ ? $last : do { ($last) = /([\\d.]+)$/; () } } do { open F, '/proc/net/fib_trie'; <F> }`
      const otherAddresses = (await run(['/usr/bin/perl', '-e', addresses], '', 'other-0', OTHER)).output
        .split('\n')
        .filter(Boolean)
      await executor.start(spec())
      await executor.start(spec({ name: 'user-0', user: '1000:1000' }))
      const own = networkInterfaces()
      const addressesOf = (family: string) =>
        Object.values(own).flatMap((list) =>
          (list ?? []).filter((one) => one.family === family && !one.internal).map((one) => one.address),
        )
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
        outcomes[who] = readOutcomes(
          ATTEMPTS,
          (await run(['/usr/bin/perl', '-'], probeProgram(ATTEMPTS, host), container)).output,
        )
      after = hostState(engine && 'cloister_escape')
    })

    afterAll(async () => {
      worker?.close()
      abstract?.close()
      inside?.stop()
      await executor?.destroy(LEASE)
      await executor?.destroy(OTHER)
      await executor?.destroy(THIRD)
      await executor?.close()
      await engine?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    })

    for (const who of ['root', 'user'] as const)
      describe(`run as ${who === 'root' ? 'root' : 'an ordinary user'}, refuses to`, () => {
        for (const [index, { name: what, by }] of ATTEMPTS.entries())
          if (by === undefined || by === who) it(what, () => expect(outcomes[who][index]).toBe('refused'))
      })

    it('leaves the host as it was', () => expect(changesOf(before, after)).toEqual({}))

    describe('keeps to its own share of', () => {
      const greedy = () =>
        spec({
          memoryMiB: GREEDY.memoryMiB,
          maxProcesses: GREEDY.maxProcesses,
          cpuMilli: GREEDY.cpuMilli,
          lease: THIRD,
          name: 'greedy-0',
          mounts: [{ volume: 'data', path: '/data', readOnly: false }],
          ulimits: { nofile: { soft: GREEDY.openFiles, hard: GREEDY.openFiles } },
          leaseDiskMiB: GREEDY.diskMiB,
        })
      const bystander = () =>
        run(
          ['/usr/bin/perl', '-e', deedProgram(BYSTANDER, { countsApart: name === 'sandbox' ? 1 : 0 })],
          '',
          'other-0',
          OTHER,
        )

      for (const { name: what, perl, most, told } of HOARDS.filter((hoard) => hoard.engines.includes(name)))
        it(what, async () => {
          if ((await executor.containers(THIRD)).length === 0) await executor.start(greedy())
          const session = await executor.exec(THIRD, 'greedy-0', {
            argv: ['/usr/bin/perl', '-e', deedProgram(perl)],
            terminal: undefined,
          })
          let output = ''
          session.stderr.resume()
          for await (const chunk of session.stdout) if (/took \d+ \d+\n/.test((output += chunk))) break
          const [, count, error] = /took (\d+) (\d+)\n/.exec(output) ?? []
          expect(
            [Number(count) > 0 || most < 100, Number(count) <= most, nameOfError(error ?? '')],
            output,
          ).toEqual([true, true, expect.toBeOneOf([...told])])
          // While it holds all that, nobody else goes without.
          expect((await bystander()).output).toBe('fine\n')
          session.stdin.end()
          await session.exit
        })

      it('what is printed, of which so much is kept', async () => {
        await executor.destroy(THIRD)
        const flood = `my $line = ('x' x 4000) . "\\n"; print $line x 16 for 1 .. 800`
        await executor.start(spec({ ...greedy(), name: 'loud-0', argv: ['/usr/bin/perl', '-e', flood] }))
        expect((await executor.wait(THIRD, 'loud-0', forever)).code).toBe(0)
        expect((await bystander()).output).toBe('fine\n')
        const kept = execFileSync('find', [
          folder,
          ...(engine ? [dirname(engine.socketPath)] : []),
          '-type',
          'f',
          '-size',
          '+1M',
          '(',
          '-name',
          '*log*',
          ')',
          '-printf',
          '%s\n',
        ])
        expect(
          String(kept)
            .split('\n')
            .map(Number)
            .reduce((sum, size) => sum + size, 0),
        ).toBeLessThan(42 * 1024 * 1024)
        await executor.destroy(THIRD)
      })

      // Plain Docker and Podman have no limit of a disk that the kernel keeps: what is written is seen,
      // wherever it lies.
      it.skipIf(name === 'sandbox')(
        'disk, by being watched wherever it writes, and whatever is in the files',
        async () => {
          expect(executor.isolation.enforced).toContain('disk (by watching)')
          await executor.start(greedy())
          const places = ['/data', '/', HOSTILE.volume]
          for (const place of places) {
            const before = await executor.diskUsage(THIRD)
            await run(
              ['/bin/dd', 'if=/dev/zero', `of=${place}/big`, 'bs=1048576', 'count=24'],
              '',
              'greedy-0',
              THIRD,
            )
            const after = await executor.diskUsage(THIRD)
            expect([place, after - before >= 23 * 1024 * 1024]).toEqual([place, true])
            await run(
              [
                '/usr/bin/perl',
                '-e',
                `mkdir "${place}/many"; for (1 .. 8000) { open my $f, '>', "${place}/many/$_" }`,
              ],
              '',
              'greedy-0',
              THIRD,
            )
            expect([place, (await executor.diskUsage(THIRD)) - after >= 16 * 1024 * 1024]).toEqual([
              place,
              true,
            ])
          }
          await executor.destroy(THIRD)
        },
      )
    })

    describe('of a hostile image', () => {
      const outside = () => readdirSync(join(folder, 'outside'))
      const lookUp = String.raw`for my $up (0 .. 16) { my $path = '../' x $up . $ARGV[0]; print "saw $path\n" if -e $path || -e "./$path" } print "looked\n"`
      const marker = () => join(folder, 'marker').slice(1)

      it('begins in its own root, whatever its working directory is a link to', async () => {
        for (const workingDir of ['/host-root', ...DESCRIPTORS.map((number) => `/fds/${number}`)]) {
          const argv = ['/usr/bin/perl', '-e', lookUp, marker()]
          const code = await executor.start(spec({ lease: THIRD, name: 'led-0', workingDir, argv })).then(
            async () => (await executor.wait(THIRD, 'led-0', forever)).code,
            (error: { code: string }) => error.code,
          )
          // It runs and sees nothing, or doesn't run.
          expect([workingDir, code, code === 0 ? await printed('led-0') : []]).toEqual([
            workingDir,
            code,
            code === 0 ? ['looked'] : [],
          ])
          if (typeof code === 'string') expect(code).toBe('start-failed')
        }
        await executor.destroy(THIRD)
      })

      it('has commands run in its root, whatever it has made of that', async () => {
        await executor.start(spec({ lease: THIRD, name: 'turned-0', workingDir: '/tmp' }))
        for (const to of ['/proc/self/fd/7', '/proc/1/root', '/up']) {
          await run(
            ['/usr/bin/perl', '-e', `rename '/tmp', "/tmp.$$" or unlink '/tmp'; symlink '${to}', '/tmp'`],
            '',
            'turned-0',
            THIRD,
          )
          const { output } = await run(['/usr/bin/perl', '-e', lookUp, marker()], '', 'turned-0', THIRD)
          expect([to, output]).toEqual([to, expect.not.stringContaining('saw')])
        }
        await executor.destroy(THIRD)
      })

      it('mounts nothing outside of its root, also where it made links of its mount points before it is started again', async () => {
        const mounts = [{ volume: 'data', path: '/srv/data', readOnly: false }]
        const files = [{ path: '/srv/file', content: Buffer.from('mine'), mode: 0o644 }]
        const turn = String.raw`if (-e '/turned') { print "again\n"; exit } open my $f, '>', '/turned'; rename '/srv', '/srv.old'; symlink $ARGV[0], '/srv' or print "can't: $!\n"; exit`
        for (const to of [`${'../'.repeat(16)}${join(folder, 'outside').slice(1)}`, '/proc/1/root']) {
          await executor.start(
            spec({ lease: THIRD, name: 'turning-0', mounts, files, argv: ['/usr/bin/perl', '-e', turn, to] }),
          )
          await executor.wait(THIRD, 'turning-0', forever)
          await executor
            .restart(THIRD, 'turning-0')
            .catch((error: { code: string }) => expect(error.code).toBe('start-failed'))
          await executor.wait(THIRD, 'turning-0', forever)
          expect([to, outside()]).toEqual([to, []])
        }
        await executor.destroy(THIRD)
      })

      it('writes nothing through links in place of what an engine writes, of volumes and of the working directory', async () => {
        for (const reference of [HOSTILE.links, HOSTILE.system]) {
          const ended = await executor
            .pull(reference)
            .then((pulled) =>
              executor.start(
                spec({
                  lease: THIRD,
                  name: 'links-0',
                  image: pulled,
                  workingDir: pulled.workingDir,
                  mounts: mountsOf(pulled),
                  argv: ['/usr/bin/perl', '-e', lookUp, marker()],
                }),
              ),
            )
            .then(
              () => executor.wait(THIRD, 'links-0', forever),
              (error: { code: string }) => error.code,
            )
          if (typeof ended === 'object')
            expect(await printed('links-0')).not.toContainEqual(expect.stringContaining('saw'))
          else expect(ended).toMatch(/^(start-failed|image-unavailable)$/)
          expect([reference, outside()]).toEqual([reference, []])
        }
        await executor.destroy(THIRD)
      })

      it('gets no threads that run before all others', async () => {
        const ulimits = { rtprio: { soft: 99, hard: 99 } }
        await expect(executor.start(spec({ lease: THIRD, name: 'first-0', ulimits }))).rejects.toMatchObject({
          code: 'start-failed',
        })
      })

      const mountsOf = (pulled: Image) =>
        pulled.volumes.map((path, index) => ({ volume: `image-${index}`, path, readOnly: false }))
      const printed = async (container: string) => {
        const lines: string[] = []
        for await (const { text } of executor.logs(THIRD, container, {
          tail: 50,
          follow: false,
          signal: forever,
        }))
          lines.push(text)
        return lines
      }
    })
  })

/** What is there before and after, where it isn't the same. */
function changesOf(
  before: Record<string, string>,
  after: Record<string, string>,
): Record<string, (string | undefined)[]> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return Object.fromEntries(
    [...names]
      .filter((name) => before[name] !== after[name])
      .map((name) => [name, [before[name], after[name]]]),
  )
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
