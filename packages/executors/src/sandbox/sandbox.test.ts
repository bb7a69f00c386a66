import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun } from '@cloister/development/engines'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ContainerSpec } from '../executor.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { markOf, processesNaming } from '../process.ts'
import { containerOf, runIn } from '../testing.ts'
import { mountPoints } from './lease-disk.ts'
import { placesOf } from './places.ts'
import { SandboxExecutor } from './sandbox.ts'

const LEASE = `0x${'ef'.repeat(32)}`
const OTHER = `0x${'1e'.repeat(32)}`
const forever = new AbortController().signal

describe.skipIf(!canRun('runc'))('the sandbox', () => {
  let folder: string
  let executor: SandboxExecutor
  let spec: (changes?: Partial<ContainerSpec>) => ContainerSpec

  const open = () =>
    SandboxExecutor.open({
      folder: join(folder, 'own'),
      imageFolder: join(folder, 'unpacked'),
      images: { layouts: [join(folder, 'images')], trustedRegistries: [] },
    })

  const sh = (line: string, name = 'web-0', lease = LEASE) =>
    runIn(executor, { lease, name }, ['sh', '-c', line])

  const logs = async (container: string) => {
    const lines: string[] = []
    for await (const { text } of executor.logs(LEASE, container, {
      tail: 100,
      follow: false,
      signal: forever,
    }))
      lines.push(text)
    return lines
  }

  const keyOf = (lease: string) => placesOf(join(folder, 'own'), lease).key
  const isRunning = async (name: string, lease = LEASE) =>
    (await executor.containers(lease)).find((c) => c.name === name)?.running ?? false
  const record = (name: string) =>
    JSON.parse(
      readFileSync(
        join(placesOf(join(folder, 'own'), LEASE).folder, 'containers', name, 'record.json'),
        'utf8',
      ),
    )

  /**
   * All of this machine's that belongs to a lease: mounts, loop devices, control groups, processes, folders.
   */
  const traces = (lease: string) => {
    const { key, folder: own, run } = placesOf(join(folder, 'own'), lease)
    const groups = execFileSync('find', ['/sys/fs/cgroup', '-maxdepth', '3', '-name', `cloister-${key}*`], {
      encoding: 'utf8',
    })
    const loops = execFileSync('losetup', ['-a'], { encoding: 'utf8' })
    const processes = readdirSync('/proc').filter(
      (pid) => /^[0-9]+$/.test(pid) && commandOf(pid).includes(key),
    )
    return {
      mounts: mountPoints().filter((path) => path.includes(key)),
      loops: loops.split('\n').filter((line) => line.includes(key)),
      groups: groups.split('\n').filter(Boolean),
      processes: processes.map(commandOf),
      folders: [own, run].filter((path) => existsSync(path)),
    }
  }
  const NOTHING = { mounts: [], loops: [], groups: [], processes: [], folders: [] }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-sandbox-'))
    await buildWorkbench(join(folder, 'images'))
    executor = await open()
    const image = await executor.pull(WORKBENCH_IMAGE)
    spec = (changes = {}) => ({
      ...containerOf(LEASE, image),
      memoryMiB: 128,
      maxProcesses: 64,
      ...changes,
    })
  })

  afterEach(async () => {
    for (const lease of [LEASE, OTHER]) {
      await executor.destroy(lease)
      expect(traces(lease)).toEqual(NOTHING)
    }
  })

  afterAll(async () => {
    await executor.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('makes root in a container nobody on the machine, with ids that no other lease has', async () => {
    await executor.start(spec())
    await executor.start(spec({ lease: OTHER }))
    const first = async (lease: string) =>
      Number(
        (
          await sh(
            "node -p \"require('fs').readFileSync('/proc/self/uid_map','utf8').split(/ +/)[2]\"",
            'web-0',
            lease,
          )
        ).output,
      )
    const [one, other] = [await first(LEASE), await first(OTHER)]
    expect(Math.min(one, other)).toBeGreaterThan(process.getuid?.() === 0 ? 1_000_000 : 0)
    if (process.getuid?.() === 0) expect(Math.abs(one - other)).toBeGreaterThanOrEqual(65_536)
    const ids = /^Uid:\s+([0-9]+)/m.exec(
      readFileSync(`/proc/${record('web-0').first.pid}/status`, 'utf8'),
    )?.[1]
    expect(Number(ids)).toBe(one)
  })

  it('lets nothing be set that belongs to the machine', async () => {
    await executor.start(spec())
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8')
    const paths = [
      'sys/kernel/core_pattern',
      'sys/kernel/modprobe',
      'sys/vm/drop_caches',
      'sys/fs/binfmt_misc/register',
      'sysrq-trigger',
      'sys/kernel/hostname',
      'irq/0/smp_affinity',
    ]
    for (const path of paths)
      expect([path, (await sh(`echo x > /proc/${path}`)).code]).toEqual([path, expect.any(Number)])
    const { output } = await sh(
      `for f in ${paths.map((path) => `/proc/${path}`).join(' ')}; do (echo x > $f) 2>/dev/null && echo "wrote $f"; done; echo done`,
    )
    expect(output).toBe('done\n')
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before)
    expect(
      (await sh('cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | dd bs=1 count=1 2>/dev/null'))
        .output,
    ).toBe('')
  })

  it('mounts inside its own root, whatever a container has made of that meanwhile', async () => {
    // The parent of a mount point becomes a link that leads out of the root, and below it lies a link to the
    // host's root.
    const mounts = [
      { volume: 'a', path: '/srv/volumes', readOnly: false },
      { volume: 'b', path: '/b', readOnly: false },
    ]
    const up = '../'.repeat(12)
    const script = `if [ -e /b/again ]; then ls -a /b /srv/volumes; cat /b/etc/hostname; exit 0; fi
      touch /b/again; ln -s / /srv/volumes/b; ln -s ${up}${folder} /srv/volumes/out
      node -e "require('fs').renameSync('/srv','/srv.old');require('fs').symlinkSync('${up}proc/1/root','/srv')"; exit 1`
    await executor.start(spec({ mounts, argv: ['sh', '-c', script] }))
    await executor.wait(LEASE, 'web-0', forever)
    await executor.restart(LEASE, 'web-0').catch(() => {})
    await executor.wait(LEASE, 'web-0', forever)
    const said = (await logs('web-0')).join('\n')
    expect(said).not.toContain('boot')
    expect(said).not.toContain('home')
    expect(said).not.toContain(readFileSync('/etc/hostname', 'utf8').trim())
    expect(existsSync('/again')).toBe(false)
  })

  it('refuses paths that would be read otherwise than they were written, or are the sandbox’s own', async () => {
    const volume = (path: string) => spec({ mounts: [{ volume: 'a', path, readOnly: false }] })
    for (const path of [
      '/a\n/b',
      '/a\r',
      '/../etc',
      'relative',
      '/proc',
      '/proc/sys',
      '/sys/fs/cgroup',
      '/dev',
      '/dev/pts',
      '//proc',
    ]) {
      await expect(executor.start(volume(path))).rejects.toMatchObject({ code: 'start-failed' })
      await expect(executor.start(spec({ tmpfs: [{ path, sizeMiB: 1 }] }))).rejects.toMatchObject({
        code: 'start-failed',
      })
      await expect(
        executor.start(spec({ files: [{ path, content: Buffer.from(''), mode: 0o644 }] })),
      ).rejects.toMatchObject({ code: 'start-failed' })
    }
    await expect(executor.start(volume('/a:b'))).resolves.toBeUndefined()
    for (const workingDir of ['/proc/self/fd/7', '//proc/1/root'])
      await expect(executor.start(spec({ workingDir }))).rejects.toMatchObject({ code: 'start-failed' })
  })

  it('gives no file to ids that are another lease’s', async () => {
    for (const ids of [{ uid: 65_536 }, { gid: 65_536 }, { uid: 0xfffffffe }]) {
      const files = [{ path: '/file', content: Buffer.from(''), mode: 0o644, ...ids }]
      await expect(executor.start(spec({ files }))).rejects.toMatchObject({ code: 'start-failed' })
    }
  })

  it('wipes trees deeper than any path may be, in volumes and in the root', async () => {
    const deep = `let f='';for(const d of ['/data','/']){process.chdir(d);for(let i=0;i<60;i++){const n='d'.repeat(100);require('fs').mkdirSync(n);process.chdir(n)}require('fs').writeFileSync('secret','x')}console.log('done');setInterval(()=>{},1e3)`
    await executor.start(
      spec({ argv: ['node', '-e', deep], mounts: [{ volume: 'data', path: '/data', readOnly: false }] }),
    )
    await vi.waitFor(async () => expect(await logs('web-0')).toEqual(['done']), { timeout: 10_000 })
    await executor.destroy(LEASE)
    expect(traces(LEASE)).toEqual(NOTHING)
  })

  it('replaces a container that commands were run in and that was restarted', async () => {
    await executor.start(spec())
    await sh('true')
    execFileSync('kill', ['-9', String(record('web-0').first.pid)])
    expect((await executor.wait(LEASE, 'web-0', forever)).code).toBe(137)
    await executor.restart(LEASE, 'web-0')
    await sh('true')
    await executor.start(spec({ revision: '2' }))
    expect(await executor.containers(LEASE)).toMatchObject([{ name: 'web-0', revision: '2', running: true }])
  })

  it('takes containers that end at once, and those that can not begin, without harm to others', async () => {
    await executor.start(spec({ name: 'good-0' }))
    const before = record('good-0').first
    await executor.start(spec({ name: 'bad-0', argv: ['true'] }))
    for (let i = 0; i < 5; i++) {
      expect((await executor.wait(LEASE, 'bad-0', forever)).code).toBe(0)
      await executor.restart(LEASE, 'bad-0')
    }
    for (const change of [{ argv: ['/no/such/program'] }, { ulimits: { bogus: { soft: 1, hard: 1 } } }])
      await expect(executor.start(spec({ name: 'bad-0', ...change }))).rejects.toMatchObject({
        code: 'start-failed',
      })
    expect(record('good-0').first).toEqual(before)
    expect(await isRunning('good-0')).toBe(true)
  })

  it.each(['monitor', 'holder', 'first'] as const)(
    'ends what is left of a container whose %s is killed, and starts it again',
    async (part) => {
      await executor.start(spec())
      const before = record('web-0')
      execFileSync('kill', ['-9', String(before[part].pid)])
      expect((await executor.wait(LEASE, 'web-0', forever)).code).toBe(part === 'first' ? 137 : 255)
      expect(markOf(before.first.pid)).toBeUndefined()
      await executor.restart(LEASE, 'web-0')
      expect(await isRunning('web-0')).toBe(true)
      expect((await sh('echo here')).output).toBe('here\n')
    },
  )

  it('has output that can be opened, a home, and no descriptor that isn’t its own', async () => {
    const look = 'echo out > /dev/stdout; echo err > /dev/stderr; ls /proc/self/fd | cat; echo $HOME'
    for (const user of ['', '1000']) {
      const files = [
        {
          path: '/etc/passwd',
          content: Buffer.from('root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n'),
          mode: 0o644,
        },
      ]
      await executor.start(spec({ user, files, argv: ['sh', '-c', look] }))
      await executor.wait(LEASE, 'web-0', forever)
      const home = user === '' ? '/root' : '/home/app'
      expect((await logs('web-0')).toSorted()).toEqual([home, '0', '1', '2', '3', 'err', 'out'].toSorted())
      await executor.start(spec({ user, files }))
      expect((await sh(look)).output.split('\n').filter(Boolean).toSorted()).toEqual(
        [home, '0', '1', '2', '3', 'err', 'out'].toSorted(),
      )
      await executor.remove(LEASE, 'web-0')
    }
  })

  it('keeps what works for a lease small, and inside of the lease’s own limits', async () => {
    await executor.start(spec({ memoryMiB: 16 }))
    const own = readdirSync('/proc').filter(
      (pid) => /^[0-9]+$/.test(pid) && commandOf(pid).includes(keyOf(LEASE)),
    )
    const all = [...own, String(record('web-0').holder.pid)]
    const kib = (pid: string) =>
      Number(/^Pss:\s+([0-9]+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
    expect(all).toHaveLength(2)
    expect(all.reduce((sum, pid) => sum + kib(pid), 0)).toBeLessThan(4 * 1024)
    for (const pid of all)
      expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`cloister-${keyOf(LEASE)}/keeper`)
  })

  it('bounds what a container prints, and charges it for that', async () => {
    const flood = "const b=Buffer.alloc(65536,10);for(;;)try{require('fs').writeSync(1,b)}catch{}"
    await executor.start(spec({ argv: ['node', '-e', flood], cpuMilli: 300 }))
    const monitor = record('web-0').monitor.pid
    const log = join(placesOf(join(folder, 'own'), LEASE).folder, 'disk/logs/web-0')
    const size = () =>
      readdirSync(log).reduce((sum, name) => sum + (readFileSync(join(log, name)).length || 0), 0)
    const seconds = () =>
      readFileSync(`/proc/${monitor}/stat`, 'latin1')
        .split(' ')
        .slice(13, 15)
        .reduce((sum, ticks) => sum + Number(ticks) / 100, 0)
    const [began, before] = [Date.now(), seconds()]
    await vi.waitFor(() => expect(seconds() - before).toBeGreaterThan(0.5), {
      timeout: 20_000,
      interval: 100,
    })
    // All of the lease's work together stays below its share, with room for what the scheduler lets through
    // at a time.
    expect(seconds() - before).toBeLessThan(((Date.now() - began) / 1000) * 0.3 + 0.4)
    expect(size()).toBeLessThan(42 * 1024 * 1024)
    expect(
      Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${monitor}/status`, 'utf8'))?.[1]),
    ).toBeLessThan(16 * 1024)
  })

  it.skipIf(process.getuid?.() !== 0)(
    'limits bytes and files by the kernel, and grows with the lease',
    async () => {
      const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
      await executor.start(spec({ mounts, leaseDiskMiB: 16 }))
      const fill = (path: string) => sh(`dd if=/dev/zero of=${path} bs=1048576 count=200 2>&1 | cat`)
      expect((await fill('/data/big')).output).toContain('No space left')
      expect((await fill('/root-big')).output).toContain('No space left')
      expect(await executor.diskUsage(LEASE)).toBeLessThanOrEqual(16 * 1024 * 1024)
      const many =
        "const fs=require('fs');let n=0;fs.rmSync('/data/big');try{for(;;n++)fs.writeFileSync('/data/'+n,'')}catch(e){console.log(e.code,n)}"
      expect((await sh(`node -e "${many}"`)).output).toMatch(/^ENOSPC [0-9]{1,4}\n$/)
      await executor.start(spec({ mounts, leaseDiskMiB: 64, revision: '2' }))
      expect(
        (await sh('dd if=/dev/zero of=/data/more bs=1048576 count=40 2>&1 && ls /data | cat')).code,
      ).toBe(0)
    },
  )

  it.skipIf(process.getuid?.() !== 0)('takes disk back as it is, unless more of it is in use', async () => {
    const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
    await executor.start(spec({ mounts, leaseDiskMiB: 64 }))
    const fill = (mib: number) =>
      sh(`dd if=/dev/zero of=/data/big bs=1048576 count=${mib} 2>&1 | cat; ls -a /data`)
    const usedMiB = async () => Math.round((await executor.diskUsage(LEASE)) / 1024 ** 2)
    expect((await fill(8)).output).not.toContain('No space left')
    expect(await executor.resizeDisk(LEASE, 16)).toBe(true)
    expect(await usedMiB()).toBeLessThan(10)
    const { output } = await fill(40)
    expect(output).toContain('No space left')
    expect(output).not.toContain('withheld')
    expect(await usedMiB()).toBeLessThanOrEqual(16)
    // All of it is in use, and 8 MiB would not hold it: it is told of as it is, more than it is to have.
    expect(await executor.resizeDisk(LEASE, 8)).toBe(true)
    expect(await usedMiB()).toBeGreaterThan(8)
    // It comes back, also when it is started anew.
    expect(await executor.resizeDisk(LEASE, 64)).toBe(true)
    expect((await fill(40)).output).not.toContain('No space left')
    await sh(`node -e "require('fs').rmSync('/data/big')"`)
    await executor.resizeDisk(LEASE, 16)
    await executor.start(spec({ mounts, leaseDiskMiB: 16, revision: '2' }))
    expect((await fill(40)).output).toContain('No space left')
    // Larger than it ever was takes it out of use where this kernel lets nobody grow it in use.
    if (!(await executor.resizeDisk(LEASE, 128))) {
      await executor.remove(LEASE, 'web-0')
      expect(await executor.resizeDisk(LEASE, 128)).toBe(true)
      await executor.start(spec({ mounts, leaseDiskMiB: 128, revision: '3' }))
    }
    expect((await fill(100)).output).not.toContain('No space left')
  })

  it('leaves nothing of a start that was broken off at any moment, and starts anew', async () => {
    for (const ms of [0, 60, 150, 300]) {
      const script = `import { SandboxExecutor } from ${JSON.stringify(join(import.meta.dirname, 'sandbox.ts'))}
        const executor = await SandboxExecutor.open(${JSON.stringify({ folder: join(folder, 'own'), imageFolder: join(folder, 'unpacked'), images: { layouts: [], trustedRegistries: [] } })})
        console.log('ready'); await executor.start(${JSON.stringify(spec({ leaseDiskMiB: 8 }))})`
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      await new Promise((resolve) => child.stdout.once('data', resolve))
      await new Promise((resolve) => setTimeout(resolve, ms))
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('exit', resolve))
      await executor.start(spec({ revision: `after ${ms}`, leaseDiskMiB: 8 }))
      expect(await executor.containers(LEASE)).toMatchObject([{ revision: `after ${ms}`, running: true }])
      expect(processesNaming(`cloister-${keyOf(LEASE)}-web-0`)).toHaveLength(1)
      await executor.destroy(LEASE)
      expect(traces(LEASE)).toEqual(NOTHING)
    }
  }, 240_000)
})

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
