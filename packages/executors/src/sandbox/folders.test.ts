import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun } from '@cloister/development/engines'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ContainerSpec } from '../executor.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { containerOf } from '../testing.ts'
import { placesOf } from './places.ts'
import { SandboxExecutor } from './sandbox.ts'

const LEASE = `0x${'f0'.repeat(32)}`
const isRoot = process.getuid?.() === 0

/**
 * Starts a container as its second argument says, in a process with the file mode mask of its first, and
 * tells what a command in it prints.
 */
const DEED = `
  import { SandboxExecutor } from '@sandbox'
  const [settings, spec, command] = process.argv.slice(1).map((word) => JSON.parse(word))
  process.umask(0o077)
  const executor = await SandboxExecutor.open(settings)
  const image = await executor.pull('${WORKBENCH_IMAGE}')
  await executor.start({ ...spec, image, files: spec.files.map((file) => ({ ...file, content: Buffer.from(file.content) })) })
  const session = await executor.exec(spec.lease, spec.name, { argv: ['sh', '-c', command], terminal: undefined })
  session.stdin.end()
  session.stdout.pipe(process.stdout)
  session.stderr.pipe(process.stderr)
  await session.exit
  await executor.close()`

describe.skipIf(!canRun('runc'))('what the sandbox keeps on a machine', () => {
  let folder: string
  const settings = () => ({
    folder: join(folder, 'own'),
    imageFolder: join(folder, 'unpacked'),
    images: { layouts: [join(folder, 'images')], trustedRegistries: [] },
  })
  /** Its image is pulled by whoever starts it. */
  const spec = (changes: object = {}): Omit<ContainerSpec, 'image'> => ({
    ...containerOf(LEASE, undefined),
    mounts: [{ volume: 'data', path: '/data', readOnly: false }],
    memoryMiB: 128,
    maxProcesses: 64,
    ...changes,
  })
  const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-folders-'))
    await buildWorkbench(join(folder, 'images'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('keeps this machine’s other users out of images, whose set-user-id programs belong to root', async () => {
    mkdirSync(join(folder, 'unpacked'), { mode: 0o755 })
    const executor = await SandboxExecutor.open(settings())
    await executor.pull(WORKBENCH_IMAGE)
    expect(modeOf(join(folder, 'unpacked'))).toBe('700')
    await executor.close()
  })

  it('unpacks images within limits that all leases share, and leaves nothing of that', async () => {
    const executor = await SandboxExecutor.open(settings())
    const groups = () =>
      execFileSync(
        'sh',
        ['-c', 'ls -d /sys/fs/cgroup/cloister-images-* /sys/fs/cgroup/*/cloister-images-* 2>/dev/null; true'],
        { encoding: 'utf8' },
      )
    const before = groups()
    await executor.pull(WORKBENCH_IMAGE)
    if (isRoot) expect(groups().length).toBeGreaterThan(before.length)
    await executor.close()
    expect(groups()).toBe(before)
  })

  it('gives containers their folders and files as they are asked for, whatever the worker’s own mask', async () => {
    const script = DEED.replace("'@sandbox'", JSON.stringify(join(import.meta.dirname, 'sandbox.ts')))
    const asked = spec({
      files: [{ path: '/etc/app/setting', content: 'blue', mode: 0o644 }],
      ...(isRoot && { user: '1000:1000' }),
    })
    const look =
      'cat /etc/app/setting /etc/hosts | dd bs=4 count=1 2>/dev/null; echo; echo x > /data/file && echo wrote; ls -ld / /data /tmp /etc/app'
    const node = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
    const child = spawn(process.execPath, [
      ...node,
      ...[settings(), asked, look].map((word) => JSON.stringify(word)),
    ])
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    await new Promise((resolve) => child.once('close', resolve))
    try {
      expect(output).toMatch(/^blue\nwrote\n/)
      const modes = Object.fromEntries(
        [...output.matchAll(/^(d\S+) .* (\/\S*)$/gm)].map((match) => [match[2], match[1]?.slice(0, 10)]),
      )
      expect(modes).toEqual({
        '/': 'drwxr-xr-x',
        '/data': 'drwxr-xr-x',
        '/etc/app': 'drwxr-xr-x',
        '/tmp': expect.stringMatching(/^drwx/),
      })
    } finally {
      const executor = await SandboxExecutor.open(settings())
      await executor.destroy(LEASE)
      await executor.close()
    }
  })

  it.skipIf(!isRoot)(
    'puts a lease that can’t be wiped out of the way, starts all the same, and wipes it when it can',
    async () => {
      let executor = await SandboxExecutor.open(settings())
      const image = await executor.pull(WORKBENCH_IMAGE)
      await executor.start({ ...spec(), image })
      const own = placesOf(settings().folder, LEASE).folder
      // Nobody removes what something is mounted on.
      const stuck = join(own, 'stuck')
      mkdirSync(stuck)
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', stuck])
      await expect(executor.destroy(LEASE)).rejects.toMatchObject({
        code: 'engine-failed',
        message: expect.stringContaining('tried again'),
      })
      expect(existsSync(own)).toBe(false)
      expect(await executor.leases()).toEqual([])
      // The lease's place is free for it at once.
      await executor.start({ ...spec(), image })
      await executor.destroy(LEASE)
      await executor.close()
      const unwiped = join(settings().folder, 'unwiped')
      const [left = ''] = readdirSync(unwiped)
      executor = await SandboxExecutor.open(settings())
      expect(await executor.leases()).toEqual([])
      expect(readdirSync(unwiped)).toEqual([left])
      execFileSync('umount', [join(unwiped, left, 'stuck')])
      await executor.close()
      executor = await SandboxExecutor.open(settings())
      await vi.waitFor(() => expect(existsSync(join(unwiped, left))).toBe(false), { timeout: 10_000 })
      await executor.close()
    },
  )
})
