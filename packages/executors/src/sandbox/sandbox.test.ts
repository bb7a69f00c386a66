import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerSpec } from '../executor.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { canRun } from '../testing/engines.ts'
import { SandboxExecutor } from './sandbox.ts'

const LEASE = `0x${'ef'.repeat(32)}`

describe.skipIf(!canRun('bwrap'))('the sandbox’s keepers', () => {
  let folder: string
  let executor: SandboxExecutor
  let next: SandboxExecutor
  let spec: ContainerSpec

  const commandOf = (pid: string) => {
    try {
      return /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean) : []
    } catch {
      return []
    }
  }
  /** Keepers of this test's leases that run: the bubblewraps around them. */
  const keepers = () =>
    readdirSync('/proc').filter((pid) => {
      const command = commandOf(pid)
      return command[0] === 'bwrap' && command.some((word) => word.startsWith(folder)) && command.some((word) => word.endsWith('keeper.ts'))
    })
  /** The path of the keeper's socket, as its command line has it. */
  const socketOf = (pid: string) => commandOf(pid).at(-1) ?? ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-keepers-'))
    await buildWorkbench(join(folder, 'images'))
    const settings = {
      folder: join(folder, 'own'),
      imageFolder: join(folder, 'unpacked'),
      images: { layouts: [join(folder, 'images')], trustedRegistries: [] },
    }
    executor = await SandboxExecutor.open(settings)
    next = await SandboxExecutor.open(settings)
    const image = await executor.pull(WORKBENCH_IMAGE)
    spec = {
      lease: LEASE,
      name: 'web-0',
      service: 'web',
      peers: ['web'],
      image,
      revision: '1',
      argv: ['node', '-e', 'setInterval(() => {}, 1000)'],
      env: {},
      workingDir: '/',
      user: '',
      hostname: 'web',
      mounts: [],
      tmpfs: [],
      files: [],
      cpuMilli: 500,
      memoryMiB: 128,
      maxProcesses: 64,
      gpus: 0,
      ulimits: {},
      readOnlyRoot: false,
      stopSignal: 'SIGTERM',
    }
  })

  afterAll(async () => {
    await next.destroy(LEASE)
    await Promise.all([executor.close(), next.close()])
    await rm(folder, { recursive: true, force: true })
  })

  it('let a service that prints faster than it can be written wait, and keep to their memory', async () => {
    const flood = `const b=Buffer.alloc(65536,'y\\n');const w=()=>{while(process.stdout.write(b));process.stdout.once('drain',w)};w()`
    await executor.start({ ...spec, argv: ['node', '-e', flood], cpuMilli: 1000 })
    const socket = socketOf(keepers()[0] ?? '')
    const keeper = readdirSync('/proc').find((pid) => commandOf(pid)[0] === process.execPath && commandOf(pid).at(-1) === socket)
    const memoryMiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${keeper}/status`, 'utf8'))?.[1]) / 1024
    const seen: number[] = []
    for (let look = 0; look < 20; look++) {
      await delay(200)
      seen.push(memoryMiB())
    }
    // It was 1,300 MiB by then, when the service did not have to wait.
    expect(Math.max(...seen)).toBeLessThan(600)
    await executor.remove(LEASE, 'web-0')
    await executor.halt(LEASE)
  })

  it('give way to a second one of the same lease, and end when they are of no use', async () => {
    await executor.start(spec)
    const [first = ''] = keepers()
    // As when an agent was killed before the keeper it had started was listening, and the next agent starts another.
    await rm(socketOf(first))
    await next.start(spec)
    for (let i = 0; i < 50 && keepers().includes(first); i++) await delay(100)
    expect(keepers()).toHaveLength(1)
    expect(keepers()).not.toContain(first)
    expect(await next.containers(LEASE)).toMatchObject([{ name: 'web-0', running: true }])

    const [second = ''] = keepers()
    await next.remove(LEASE, 'web-0')
    await rm(socketOf(second))
    for (let i = 0; i < 50 && keepers().length > 0; i++) await delay(100)
    expect(keepers()).toEqual([])
  })
})
