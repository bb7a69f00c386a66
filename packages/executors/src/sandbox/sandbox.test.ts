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

  /** Keepers of this test's leases that run. */
  const keepers = () =>
    readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.startsWith('bwrap') && line.includes(folder) && line.includes('keeper.ts')
      } catch {
        return false
      }
    })
  /** The path of the keeper's socket, as its command line has it. */
  const socketOf = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).at(-1) ?? ''

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
    const image = await executor.pull(WORKBENCH_IMAGE, undefined)
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
