import { CloisterError, hashManifest, type Manifest, parseManifest } from '@cloister/core'
import type { ContainerSpec, Executor, Exit, Image, Size } from '@cloister/executors'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LeaseSecrets } from '../secrets/lease-secrets.ts'
import type { SentRoom } from '../sent/sent-room.ts'
import type { Store } from '../store.ts'
import type { VolumeRoom } from '../volumes/volume-room.ts'
import type { AgentSockets } from '../workload/agent-sockets.ts'
import { LeaseRunner } from './runner.ts'
import { noteOutgrown } from './size.ts'
import { LEASE, openTestStore } from './testing.ts'

const NEVER = new Promise<never>(() => {})
const BEGAN = Date.now()
const IMAGE: Image = {
  reference: 'web',
  digest: 'sha256:1',
  entrypoint: [],
  command: ['web'],
  env: {},
  workingDir: '/',
  user: '',
  volumes: [],
  ports: [],
}

const manifestOf = (lines: string): Manifest =>
  parseManifest(`services:\n  web:\n    image: web\n${lines}`, { file: 'compose.yaml' }).manifest
const BEFORE = manifestOf('    environment: { EDITION: "1" }\n')
const AFTER = manifestOf('    environment: { EDITION: "2" }\n')
/** Its check may fail for ten days before that counts. */
const TRIED_FOR_DAYS = manifestOf('    healthcheck: { test: ["CMD", "no"], start_period: 240h }\n')
/** It may take a day to end. */
const ENDS_SLOWLY = manifestOf('    stop_grace_period: 24h\n')

let store: Store
let sent: SentRoom
let volumes: VolumeRoom
let closeStore: () => void
let running: Map<string, ContainerSpec>
let done: string[]
let events: string[]

/** An engine in memory, which does at once what it is told, but for what `held` holds back. */
function engine(held: Partial<Executor> = {}): Executor {
  const executor = {
    pull: async () => IMAGE,
    containers: async () =>
      [...running.values()].map(({ name, revision, cpuMilli, memoryMiB }) => ({
        name,
        revision,
        cpuMilli,
        memoryMiB,
        digest: '',
        running: true,
        exit: undefined,
        startedAt: BEGAN,
      })),
    start: async (spec: ContainerSpec) => {
      done.push('start')
      running.set(spec.name, spec)
    },
    stop: async (_: string, name: string) => void running.delete(name),
    remove: async (_: string, name: string) => void running.delete(name),
    resize: async (_: string, name: string, size: Size) => {
      done.push('resize')
      const spec = running.get(name)
      if (spec) running.set(name, { ...spec, ...size })
      return spec !== undefined
    },
    resizeDisk: async () => true,
    keepVolumes: async () => {},
    wait: (_: string, __: string, signal: AbortSignal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
    exec: () => Promise.reject(new Error('no such program')),
    logs: async function* () {},
    destroy: async () => {
      done.push('destroy')
      running.clear()
    },
    ...held,
  }
  return executor as unknown as Executor
}

function runnerOf(executor: Executor): LeaseRunner {
  const sockets = { close: async () => {} } as unknown as AgentSockets
  const emit = (kind: string, message: string) => void events.push(`${kind}: ${message}`)
  return new LeaseRunner({
    id: LEASE,
    executor,
    store,
    sent,
    volumes,
    secrets: new LeaseSecrets(() => NEVER),
    sockets,
    gatewayUrl: 'https://cloister.example',
    emit,
  })
}

async function runs(runner: LeaseRunner, manifest: Manifest): Promise<void> {
  hand(runner, manifest)
  await vi.waitFor(
    () =>
      expect([store.lease(LEASE)?.running?.hash, runner.state]).toEqual([hashManifest(manifest), 'running']),
    3_000,
  )
}

function hand(runner: LeaseRunner, manifest: Manifest): void {
  store.patchLease(LEASE, (lease) => {
    lease.next = { hash: hashManifest(manifest), manifest }
  })
  runner.takeNext()
}

function close(): void {
  store.patchLease(LEASE, (lease) => {
    lease.state = 'closed'
  })
}

beforeEach(() => {
  ;({
    store,
    sent,
    volumes,
    close: closeStore,
  } = openTestStore({ cpuMilli: 4_000, memoryMiB: 4_096, diskMiB: 40_960, gpus: 0 }))
  running = new Map()
  done = []
  events = []
})
afterEach(() => {
  vi.useRealTimers()
  closeStore()
})

it('looks after a container by the new manifest, and does not restart it for that', async () => {
  let end = () => {}
  const wait = (_: string, __: string, signal: AbortSignal) =>
    new Promise<Exit>((resolve, reject) => {
      end = () => resolve({ code: 3, outOfMemory: false })
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  const runner = runnerOf(engine({ wait }))
  await runs(runner, manifestOf('    restart: always\n'))
  await runs(runner, manifestOf('    restart: "no"\n'))
  expect(done).toEqual(['start'])
  end()
  await vi.waitFor(() => expect(runner.report()[0]).toMatchObject({ state: 'failed', exitCode: 3 }))
  expect(store.lease(LEASE)?.restarts).toEqual({})
  await runner.destroy()
})

it('keeps no last words of a service that keeps what it prints from everybody, and says so', async () => {
  const asked: string[] = []
  const logs = async function* (_: string, name: string) {
    asked.push(name)
    yield { time: 1, stream: 'stdout' as const, text: 'said' }
  }
  const runner = runnerOf(engine({ logs }))
  await runs(runner, manifestOf('    x-logs: false\n  door:\n    image: web\n'))
  expect(running.get('web-0')).toMatchObject({ logs: false })
  expect(running.get('door-0')).not.toHaveProperty('logs')
  expect(['web-0', 'door-0'].map((name) => runner.mayRead(name))).toEqual([false, true])
  await runner.destroy()
  expect(asked).toEqual(['door-0'])
  const { lines = [], services = [] } = store.ended.report(LEASE) ?? {}
  expect(lines.map(({ container }) => container)).toEqual(['door-0'])
  expect(services).toMatchObject([{ name: 'web-0', logs: false }, { name: 'door-0' }])
})

it('makes a container anew whose output becomes anybody’s, or nobody’s', async () => {
  const runner = runnerOf(engine())
  await runs(runner, manifestOf('    x-logs: false\n'))
  await runs(runner, manifestOf(''))
  await runs(runner, manifestOf('    x-logs: false\n'))
  expect(done).toEqual(['start', 'start', 'start'])
  await runner.destroy()
})

it('says of a container that it removes whether another of its name follows, so that its address stays', async () => {
  const removed: string[] = []
  const remove: Executor['remove'] = async (_, name, { isFollowed } = { isFollowed: false }) => {
    running.delete(name)
    removed.push(`${name} ${isFollowed ? 'for another' : 'for good'}`)
  }
  const runner = runnerOf(engine({ remove }))
  const both = (edition: number, jobs = '') =>
    parseManifest(`services:\n  web:\n    image: web\n    environment: { EDITION: "${edition}" }\n${jobs}`, {
      file: 'compose.yaml',
    }).manifest
  await runs(runner, both(1, '  jobs:\n    image: web\n'))
  await runs(runner, both(2))
  expect(removed.sort()).toEqual(['jobs-0 for good', 'web-0 for another'])
  await runner.destroy()
})

describe('a lease that has to stop in the middle of an update', () => {
  it('stops while the update is tried for days', async () => {
    const runner = runnerOf(engine())
    await runs(runner, BEFORE)
    hand(runner, TRIED_FOR_DAYS)
    await vi.waitFor(() => expect(done).toHaveLength(2))
    // One more waits behind it, and is not begun either.
    hand(runner, AFTER)
    await runner.stopAll('the balance is used up')
    expect(running.size).toBe(0)
    expect(runner.report()).toMatchObject([{ state: 'failed', reason: 'the balance is used up' }])
    expect(done).toHaveLength(2)
    expect(store.lease(LEASE)).not.toHaveProperty('next')
    await runs(runner, AFTER)
    await runner.destroy()
  })

  it('stops while a pull doesn’t end, though it is told to', async () => {
    const pull = vi
      .fn<Executor['pull']>()
      .mockResolvedValueOnce(IMAGE)
      .mockReturnValueOnce(NEVER)
      .mockResolvedValue(IMAGE)
    const runner = runnerOf(engine({ pull }))
    await runs(runner, BEFORE)
    hand(runner, AFTER)
    await vi.waitFor(() => expect(pull).toHaveBeenCalledTimes(2))
    await runner.stopAll('its disk is full')
    expect(running.size).toBe(0)
    expect(events).toContain('start-failed: its disk is full')
    await runs(runner, AFTER)
    await runner.destroy()
  })

  it('stops while what ran before takes a day to end, which removes nothing that comes after it', async () => {
    let end = () => {}
    const slowly = new Promise<void>((resolve) => {
      end = resolve
    })
    const stop = vi.fn<Executor['stop']>(async (_, name, graceMs) =>
      graceMs > 1_000 ? slowly : void running.delete(name),
    )
    const runner = runnerOf(engine({ stop }))
    await runs(runner, ENDS_SLOWLY)
    hand(runner, AFTER)
    await vi.waitFor(() => expect(stop).toHaveBeenCalledOnce())
    await runner.stopAll('its disk is full')
    expect(running.size).toBe(0)
    stop.mockImplementation(async (_, name) => void running.delete(name))
    await runs(runner, AFTER)
    end()
    await new Promise(setImmediate)
    expect(running.size).toBe(1)
    await runner.destroy()
  })
})

describe('a lease that is closed in the middle of an update', () => {
  it.each(['stop', 'containers'] as const)(
    'starts nothing any more, whenever the engine answers (%s)',
    async (call) => {
      const runner = runnerOf(engine())
      await runs(runner, ENDS_SLOWLY)
      const executor = (runner as unknown as { executor: Executor }).executor
      let answer = () => {}
      const held = vi
        .spyOn(executor, call)
        .mockImplementationOnce(
          (): Promise<never> => new Promise((resolve) => (answer = () => resolve([] as never))),
        )
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      hand(runner, AFTER)
      await vi.waitFor(() => expect(held).toHaveBeenCalledOnce())
      close()
      const destroyed = runner.destroy()
      await vi.advanceTimersByTimeAsync(5_000)
      await destroyed
      answer()
      await vi.advanceTimersByTimeAsync(60_000)
      // Whatever was late is wiped once more.
      expect(done).toEqual(['start', 'destroy', 'destroy'])
      expect(running.size).toBe(0)
    },
  )

  it('ends what the engine was starting, however late it has started', async () => {
    let started = () => {}
    const start = vi.fn<Executor['start']>(
      (spec) => new Promise((resolve) => (started = () => resolve(void running.set(spec.name, spec)))),
    )
    const runner = runnerOf(engine({ start }))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    hand(runner, BEFORE)
    await vi.waitFor(() => expect(start).toHaveBeenCalledOnce())
    close()
    const destroyed = runner.destroy()
    await vi.advanceTimersByTimeAsync(5_000)
    await destroyed
    started()
    await vi.waitFor(() => expect(done).toEqual(['destroy', 'destroy']))
    expect(running.size).toBe(0)
  })
})

describe('a manifest of another size', () => {
  const sized = (memory: string, more = '') => manifestOf(`    mem_limit: ${memory}\n${more}`)
  const roomFor = (memoryMiB: number) =>
    store.patchLease(LEASE, (lease) => {
      lease.resources = { cpuMilli: 1000, memoryMiB: memoryMiB + 64, diskMiB: 2048, gpus: 0 }
      noteOutgrown(lease)
    })
  const memory = () => running.get('web-0')?.memoryMiB

  it('is given to what runs, which goes on', async () => {
    roomFor(64)
    const runner = runnerOf(engine())
    await runs(runner, sized('64m'))
    roomFor(128)
    await runs(runner, sized('128m'))
    expect(memory()).toBe(128)
    roomFor(32)
    await runs(runner, sized('32m'))
    expect(memory()).toBe(32)
    expect(done).toEqual(['start', 'resize', 'resize'])
    expect(events).toContain('resized: web-0 has 0.5 CPU and 128 MiB now, and runs on.')
    await runner.destroy()
  })

  it('is started with anew where the engine can’t give it, or something else changes too', async () => {
    roomFor(256)
    const runner = runnerOf(engine({ resize: async () => false }))
    await runs(runner, sized('64m'))
    await runs(runner, sized('128m'))
    expect(memory()).toBe(128)
    await runs(runner, sized('256m', '    environment: { EDITION: "2" }\n'))
    expect(memory()).toBe(256)
    expect(done).toEqual(['start', 'start', 'start'])
    await runner.destroy()
  })

  it('waits for a disk that can’t grow in use, for which everything ends once', async () => {
    roomFor(256)
    const sizes: number[] = []
    const resizeDisk = async (_: string, diskMiB: number) => {
      sizes.push(diskMiB)
      return running.size === 0 || diskMiB === 2048
    }
    const runner = runnerOf(engine({ resizeDisk }))
    await runs(runner, sized('64m'))
    store.patchLease(LEASE, (lease) => {
      lease.resources = { ...lease.resources, diskMiB: 4096 }
    })
    await runs(runner, sized('128m'))
    expect(sizes).toEqual([2048, 4096, 4096])
    expect(done).toEqual(['start', 'start'])
    expect(memory()).toBe(128)
    await runner.destroy()
  })

  it.each([
    ['was written down, and not begun', []],
    ['was given, and not written down as what runs', ['resize', 'resize']],
  ])('comes after a crash when it %s', async (_, given) => {
    roomFor(256)
    const first = runnerOf(engine())
    await runs(first, sized('64m'))
    // The process is gone: it has written down what is next, and the engine may have done a part of it.
    store.patchLease(LEASE, (lease) => {
      lease.next = { hash: hashManifest(sized('128m')), manifest: sized('128m') }
    })
    const spec = running.get('web-0')
    if (given.length > 0 && spec) running.set('web-0', { ...spec, memoryMiB: 128 })
    const second = runnerOf(engine())
    second.resume()
    await vi.waitFor(() => expect(store.lease(LEASE)?.running?.hash).toBe(hashManifest(sized('128m'))))
    expect(memory()).toBe(128)
    expect(done.filter((what) => what === 'start')).toHaveLength(1)
    await first.destroy()
    await second.destroy()
  })

  it('that does not start leaves nothing where the one before has no room any more', async () => {
    roomFor(128)
    const start = async (spec: ContainerSpec) => {
      if (spec.env['EDITION'] === '2') throw new Error('there is no such program')
      running.set(spec.name, spec)
    }
    const runner = runnerOf(engine({ start }))
    await runs(runner, sized('128m'))
    roomFor(64)
    expect(store.lease(LEASE)?.outgrownSince).toBeDefined()
    const smaller = sized('64m', '    environment: { EDITION: "2" }\n    restart: "no"\n')
    hand(runner, smaller)
    await vi.waitFor(() =>
      expect(events.at(-1)).toContain('needs more than the lease has now, so nothing runs'),
    )
    await vi.waitFor(() => expect(running.size).toBe(0))
    expect(store.lease(LEASE)).toMatchObject({ failed: { hash: hashManifest(smaller) } })
    expect(store.lease(LEASE)).not.toHaveProperty('running')
    expect(store.lease(LEASE)).not.toHaveProperty('outgrownSince')
    await vi.waitFor(() => expect(runner.state).toBe('failed'))
    // One that fits and starts is run.
    await runs(runner, sized('64m'))
    await runner.destroy()
  })
})

describe('a manifest that is run', () => {
  it('starts what it asks for, and its tenant is told once all is ready', async () => {
    const runner = runnerOf(engine())
    expect(runner.state).toBe('waiting')
    await runs(runner, BEFORE)
    expect(runner.report()).toMatchObject([{ name: 'web-0', service: 'web', state: 'running', restarts: 0 }])
    expect(runner.ready('web')).toEqual(['web-0'])
    expect(events.map((event) => event.split(':')[0])).toEqual(['image', 'running'])
    await runner.destroy()
    expect(runner.wiped.aborted).toBe(true)
  })

  it('leaves alone what it has in common with the one before', async () => {
    const two = (edition: string) =>
      manifestOf(`  db:\n    image: db\n    environment: { EDITION: "${edition}" }\n`)
    const runner = runnerOf(engine())
    await runs(runner, two('1'))
    await runs(runner, two('2'))
    expect(done).toEqual(['start', 'start', 'start'])
    expect(events.at(-1)).toBe('updated: The new manifest runs.')
    await runner.destroy()
  })

  it('is taken over as it runs after the worker was started again', async () => {
    const first = runnerOf(engine())
    await runs(first, BEFORE)
    const second = runnerOf(engine())
    second.resume()
    await vi.waitFor(() => expect(second.state).toBe('running'))
    expect(done).toEqual(['start'])
    await first.destroy()
    await second.destroy()
  })

  it('gives way to the one before where an image of it is not to be had, which is named', async () => {
    const problem = new CloisterError('image-unavailable', 'The image asks for a login.')
    const pull = vi.fn<Executor['pull']>().mockResolvedValueOnce(IMAGE).mockRejectedValueOnce(problem)
    const runner = runnerOf(engine({ pull }))
    await runs(runner, BEFORE)
    hand(runner, AFTER)
    await vi.waitFor(() => expect(store.lease(LEASE)?.failed?.hash).toBe(hashManifest(AFTER)))
    expect(events.at(-1)).toBe(
      'start-failed: The new manifest does not start: The image web of web asks for a login. The one before runs on.',
    )
    expect(store.lease(LEASE)?.running?.hash).toBe(hashManifest(BEFORE))
    await vi.waitFor(() => expect(runner.state).toBe('running'))
    expect(store.lease(LEASE)).not.toHaveProperty('next')
    await runner.destroy()
  })

  it('gives way to the one before where a container of it does not start', async () => {
    const start = async (spec: ContainerSpec) => {
      if (spec.env['EDITION'] === '2')
        throw new CloisterError('start-failed', 'web-0 does not start: there is no such program.')
      running.set(spec.name, spec)
    }
    const runner = runnerOf(engine({ start }))
    await runs(runner, BEFORE)
    hand(runner, manifestOf('    environment: { EDITION: "2" }\n    restart: "no"\n'))
    await vi.waitFor(() =>
      expect(store.lease(LEASE)?.failed?.reason).toBe('web-0 does not start: there is no such program.'),
    )
    await vi.waitFor(() => expect(runner.state).toBe('running'))
    expect([...running.values()].map(({ env }) => env['EDITION'])).toEqual(['1'])
    await runner.destroy()
  })

  it('lets volumes of archives go once the new manifest runs, or the one before again', async () => {
    const kept: string[][] = []
    const keepVolumes = async (_: string, names: readonly string[]) => {
      const [web] = running.values()
      kept.push([web?.env['EDITION'] ?? '', ...names])
    }
    const start = async (spec: ContainerSpec) => {
      if (spec.env['EDITION'] === '3') throw new Error('there is no such program')
      running.set(spec.name, spec)
    }
    const mounting = (edition: number, more = '') =>
      manifestOf(
        `    environment: { EDITION: "${edition}" }\n${more}    volumes: ["data:/data"]\nvolumes: { data: {} }\n`,
      )
    const runner = runnerOf(engine({ keepVolumes, start }))
    await runs(runner, BEFORE)
    await runs(runner, mounting(2))
    await vi.waitFor(() => expect(kept.at(-1)).toEqual(['2', 'data']))
    hand(runner, mounting(3, '    restart: "no"\n'))
    await vi.waitFor(() => expect(store.lease(LEASE)?.failed).toBeDefined())
    await vi.waitFor(() => expect(runner.state).toBe('running'))
    expect(kept.filter(([edition]) => edition === '3')).toEqual([])
    expect(kept.at(-1)?.slice(1)).toEqual(['data'])
    await runner.destroy()
  })

  it('pulls with the login for the registry of an image alone', async () => {
    const pull = vi.fn<Executor['pull']>().mockResolvedValue(IMAGE)
    const login = { host: 'registry.example', username: 'u', password: 'p' }
    store.patchLease(LEASE, (lease) => {
      lease.logins = [login]
    })
    const runner = runnerOf(engine({ pull }))
    await runs(runner, manifestOf('  db:\n    image: registry.example/db\n'))
    expect(pull.mock.calls.map(([image, { credentials } = {}]) => [image, credentials])).toEqual([
      ['web', undefined],
      ['registry.example/db', login],
    ])
    await runner.destroy()
  })

  it('halts without being wiped', async () => {
    const halt = vi.fn(async () => {})
    const runner = runnerOf(engine({ halt }))
    await runs(runner, BEFORE)
    await runner.halt()
    expect(halt).toHaveBeenCalledWith(LEASE)
    expect(done).toEqual(['start'])
    expect(runner.wiped.aborted).toBe(false)
  })
})
