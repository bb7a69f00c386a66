import { PassThrough } from 'node:stream'
import { CloisterError, type HealthCheck, parseManifest, type Service } from '@cloister/core'
import type { ContainerSpec, ContainerStatus, Executor, Exit } from '@cloister/executors'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ContainerTask, type TaskContext } from './container-task.ts'
import { LEASE } from './testing.ts'

const NAME = 'web'
const SPEC = { lease: LEASE, name: NAME, revision: 'r' } as unknown as ContainerSpec

/** What the engine was told, in order. */
let done: string[]
let events: string[]
let restarts: number
/** How the container that runs ends; each start has a new one. */
let ends: ((exit: Partial<Exit>) => void)[]
let task: ContainerTask

beforeEach(() => {
  done = []
  events = []
  restarts = 0
})
afterEach(() => task.abandon())

function serviceOf(lines = ''): Service {
  const { services } = parseManifest(`services:\n  web:\n    image: web\n${lines}`, {
    file: 'c.yaml',
  }).manifest
  return services['web'] ?? expect.unreachable()
}

/** An engine in memory that does at once what it is told, but for what `held` does otherwise. */
function engine(held: Partial<Executor>): Executor {
  const told = (what: string) => async () => void done.push(what)
  const executor = {
    start: told('start'),
    restart: told('restart'),
    stop: told('stop'),
    remove: told('remove'),
    containers: async () => [{ name: NAME, startedAt: Date.now() }],
    wait: (_: string, __: string, signal: AbortSignal) =>
      new Promise<Exit>((resolve, reject) => {
        ends.push((exit) => resolve({ code: 0, outOfMemory: false, ...exit }))
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
    connect: async () => new PassThrough(),
    logs: async function* () {
      yield { time: 1, stream: 'stderr', text: 'boom' }
    },
    ...held,
  }
  return executor as unknown as Executor
}

interface Parts {
  /** Lines of the service in a Compose file. */
  lines?: string
  health?: HealthCheck
  held?: Partial<Executor>
  dependency?: TaskContext['dependency']
  complete?: TaskContext['complete']
  sleepUntil?: TaskContext['sleepUntil']
  found?: Partial<ContainerStatus>
}

function begin({ lines, health, held = {}, found, ...own }: Parts = {}): ContainerTask {
  ends = []
  const planned = { spec: SPEC, service: serviceOf(lines), health, manifestHash: LEASE, envelope: undefined }
  task = new ContainerTask(planned, {
    executor: engine(held),
    complete: async ({ spec }) => spec,
    dependency: async () => {},
    changed: () => {},
    sleepUntil: async () => {},
    event: (kind, message) => void events.push(`${kind}: ${message}`),
    countRestart: () => ++restarts,
    restarts: () => restarts,
    ...own,
  })
  task.begin(found as ContainerStatus | undefined)
  return task
}

const until = (state: ContainerTask['state']) =>
  vi.waitFor(() => expect(task.state).toBe(state), { interval: 5, timeout: 3_000 })
/** Ends the container that runs as soon as it does. */
async function ended(exit: Partial<Exit>): Promise<void> {
  const end = await vi.waitUntil(() => ends.at(-1), { interval: 5, timeout: 3_000 })
  end(exit)
}

const PORT = '    ports: ["80"]\n'
const restart = (policy: string) => `    restart: "${policy}"\n`

describe('a container', () => {
  it('is running once a port of it takes a connection', async () => {
    let listens = false
    const connect = async () => {
      if (!listens) throw new Error('refused')
      return new PassThrough()
    }
    begin({ lines: PORT, held: { connect } })
    await until('starting')
    listens = true
    await until('running')
    expect(task.isReady).toBe(true)
    expect(done).toEqual(['start'])
  })

  it('without a port is running once it has outlived its first moments', async () => {
    begin({ found: { startedAt: Date.now() - 1_000 } })
    await until('running')
  })

  it('waits for what it depends on, and starts no sooner', async () => {
    let isThere = () => {}
    const dependency = () => new Promise<void>((resolve) => void (isThere = resolve))
    const lines = '    depends_on: [db]\n  db:\n    image: db\n'
    begin({ lines, dependency })
    expect(task.state).toBe('waiting')
    expect(done).toEqual([])
    isThere()
    await vi.waitFor(() => expect(done).toEqual(['start']))
  })

  it('that runs already is taken over as it is, whatever it depends on', async () => {
    const dependency = vi.fn(async () => {})
    begin({ lines: PORT, found: { startedAt: 7 }, dependency })
    await until('running')
    expect(task.startedAt).toBe(7)
    expect(done).toEqual([])
    expect(dependency).not.toHaveBeenCalled()
  })

  it('is healthy while its check says so, and unhealthy after so many failures', async () => {
    let code = 0
    const exec = async () => ({
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      exit: Promise.resolve(code),
      kill: () => {},
    })
    const health = { test: ['CMD', 'check'], intervalMs: 1, timeoutMs: 1_000, startPeriodMs: 0, retries: 2 }
    begin({ health, held: { exec: exec as unknown as Executor['exec'] } })
    await until('running')
    code = 1
    await until('unhealthy')
    expect(task.reason).toBe('its health check failed 2 times')
    expect(events).toEqual(['unhealthy: web: its health check failed 2 times in a row.'])
    code = 0
    await until('running')
  })
})

describe('a container whose volume is on a machine', () => {
  const failing = (code: 'volume-away' | 'volume-lost') => async () => {
    throw new CloisterError(code, `web: ${code}.`)
  }

  it('that is away waits for it, whatever its policy, and tells it once', async () => {
    vi.useFakeTimers()
    let start: Executor['start'] = failing('volume-away')
    begin({ lines: restart('no'), held: { start: (spec) => start(spec) } })
    await vi.advanceTimersByTimeAsync(120_000)
    expect(task).toMatchObject({ state: 'waiting', waitsForVolume: true, earlyExits: 0 })
    expect(events).toEqual(['volume-away: web: volume-away.'])
    expect(restarts).toBe(0)
    start = async () => {}
    await vi.advanceTimersByTimeAsync(60_000)
    vi.useRealTimers()
    await until('running')
    expect(task.waitsForVolume).toBe(false)
  })

  it('that is lost for good fails, whatever its policy, and does not begin without', async () => {
    const start = vi.fn(failing('volume-lost'))
    begin({ lines: restart('always'), held: { start } })
    await until('failed')
    expect(task.reason).toBe('its volume is lost with the machine that had it')
    expect(events).toEqual([
      'volume-lost: web: volume-lost. web does not begin anew without it: deploy it from a snapshot (--from), and close this lease.',
    ])
    expect(start).toHaveBeenCalledTimes(1)
  })
})

describe('a container that ends', () => {
  it('has done its work where it ends with 0 and nothing wants it again', async () => {
    begin({ lines: restart('no') })
    await ended({ code: 0 })
    await until('completed')
    expect(task).toMatchObject({ isReady: true, reason: undefined, lastExit: { code: 0 } })
    expect(events).toEqual(['completed: web has done its work.'])
  })

  it.each([
    [{ code: 3 }, 'it ended with code 3'],
    [{ code: 137, outOfMemory: true }, 'it ran out of memory'],
  ])('has failed with %j, and its tenant is told what it printed', async (exit, reason) => {
    begin({ lines: restart('no') })
    await ended(exit)
    await until('failed')
    expect(task.reason).toBe(reason)
    expect(events).toEqual([`failed: web: ${reason}.\nIt printed last:\nboom`])
  })

  it('is told of without what it printed, where it keeps that from everybody', async () => {
    begin({ lines: `${restart('no')}    x-logs: false\n` })
    await ended({ code: 3 })
    await until('failed')
    expect(events).toEqual(['failed: web: it ended with code 3.'])
  })

  it('is restarted after a pause as its manifest says, the same one', async () => {
    begin({ lines: PORT + restart('always') })
    await until('running')
    await ended({ code: 0 })
    await until('restarting')
    expect(events).toEqual(['restarting: web: it ended with code 0; restart 1 in 0.5 s.'])
    await until('running')
    expect(done).toEqual(['start', 'restart'])
  })

  it('is started anew where it ended by itself and is gone from the engine by then', async () => {
    let held = [{ name: NAME, startedAt: Date.now() }]
    const containers = async () => held as ContainerStatus[]
    begin({ lines: PORT + restart('always'), held: { containers } })
    await until('running')
    held = []
    await ended({ code: 1 })
    await vi.waitFor(() => expect(done).toEqual(['start', 'start']), { timeout: 3_000 })
  })

  it('is restarted no more often than its manifest says, and not where it did its work', async () => {
    restarts = 2
    begin({ lines: restart('on-failure:2') })
    await ended({ code: 1 })
    await until('failed')
    begin({ lines: restart('on-failure') })
    await ended({ code: 0 })
    await until('completed')
    expect(done).toEqual(['start', 'start'])
  })

  it('counts as one that did not start until it has been ready', async () => {
    begin({ lines: PORT + restart('no'), held: { connect: () => Promise.reject(new Error('refused')) } })
    await ended({ code: 1 })
    await until('failed')
    expect(task.earlyExits).toBe(1)
    begin({ lines: PORT + restart('no') })
    await until('running')
    await ended({ code: 1 })
    await until('failed')
    expect(task.earlyExits).toBe(0)
  })
})

describe('a container with a schedule', () => {
  const lines = '    x-schedule: "0 3 * * *"\n'
  /** Each sleep ends once `wake` is called. */
  let wake: () => void
  const sleepUntil = (_: number, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      wake = resolve
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })

  it('is started when that says so, one at a time, and tells how it went', async () => {
    begin({ lines, sleepUntil })
    await until('scheduled')
    expect(task).toMatchObject({ isReady: true, hasStarted: false })
    expect(new Date(task.nextStart ?? 0).toISOString()).toMatch(/T03:00:00/)
    expect(done).toEqual([])
    wake()
    await until('running')
    expect(task.nextStart).toBeUndefined()
    await ended({ code: 0 })
    await until('scheduled')
    wake()
    await vi.waitFor(() => expect(done).toEqual(['start', 'restart']))
    await vi.waitFor(() => expect(ends).toHaveLength(2))
    await ended({ code: 3 })
    await until('scheduled')
    expect(task).toMatchObject({ reason: 'it ended with code 3', lastExit: { code: 3 } })
    expect(events).toEqual([
      'job-done: web has done its work.',
      'job-failed: web: it ended with code 3.\nIt printed last:\nboom',
    ])
  })

  it('that cannot be started is tried again at its next time', async () => {
    const start = vi.fn(async () => {
      throw new Error('there is no room')
    })
    begin({ lines, sleepUntil, held: { start } })
    await until('scheduled')
    wake()
    await vi.waitFor(() =>
      expect(events).toEqual(['job-failed: web could not be started: there is no room.']),
    )
    await until('scheduled')
    expect(task.reason).toBe('there is no room')
  })

  it('is taken over by a worker that starts again, whether it runs or waits', async () => {
    begin({ lines, sleepUntil, found: { running: true, startedAt: 7 } })
    await until('running')
    expect([done, task.startedAt]).toEqual([[], 7])
    await ended({ code: 0 })
    await until('scheduled')
    await task.abandon()
    begin({
      lines,
      sleepUntil,
      found: { running: false, startedAt: 7, exit: { code: 5, outOfMemory: false } },
    })
    await until('scheduled')
    expect([done, task.lastExit?.code]).toEqual([[], 5])
    wake()
    await vi.waitFor(() => expect(done).toEqual(['restart']))
  })
})

describe('a container that can’t be started', () => {
  it('says why, and is tried again where its manifest says so', async () => {
    const start = vi.fn(async () => {
      throw new Error('there is no room')
    })
    begin({ lines: restart('no'), held: { start } })
    await until('failed')
    expect(task.reason).toBe('there is no room')
    expect(events[0]).toMatch(/^failed: web: there is no room\./)
    begin({ lines: restart('always'), held: { start } })
    await until('restarting')
    expect(events.at(-1)).toBe('restarting: web: there is no room; restart 1 in 0.5 s.')
  })

  it('fails where what it waits for, or its secrets, are not to be had', async () => {
    begin({ complete: () => Promise.reject(new Error('no seat opens them')), lines: restart('no') })
    await until('failed')
    expect(task.reason).toBe('no seat opens them')
    const lines = '    depends_on: [db]\n  db:\n    image: db\n'
    begin({ lines, dependency: () => Promise.reject(new Error('db has failed')) })
    await until('failed')
    expect(task.reason).toBe('db has failed')
  })
})

describe('a container that is let go of', () => {
  it('stays as it is when it is abandoned, and nothing comes of its pause', async () => {
    begin({ lines: restart('always') })
    await ended({ code: 1 })
    await until('restarting')
    await task.abandon()
    expect(done).toEqual(['start'])
    expect(task.state).toBe('restarting')
  })

  it('is asked to end and removed', async () => {
    begin({ lines: PORT })
    await until('running')
    await task.end(new AbortController().signal)
    expect(done).toEqual(['start', 'stop', 'remove'])
  })

  it('stays where its end is called off meanwhile', async () => {
    begin({ lines: PORT })
    await until('running')
    await expect(task.end(AbortSignal.abort(new Error('called off')))).rejects.toThrow('called off')
    expect(done).toEqual(['start'])
  })

  it('is killed for good for a reason, and restarted by no policy', async () => {
    begin({ lines: PORT + restart('always') })
    await until('running')
    await task.fail('it wrote more than its disk')
    expect(task).toMatchObject({ state: 'failed', reason: 'it wrote more than its disk' })
    expect(done).toEqual(['start', 'stop'])
  })

  it('is stopped where it starts only after it was let go of', async () => {
    let hasStarted = () => {}
    const start = () => new Promise<void>((resolve) => void (hasStarted = resolve))
    begin({ held: { start } })
    await until('starting')
    const abandoned = task.abandon()
    hasStarted()
    await abandoned
    expect(done).toEqual(['stop'])
  })
})
