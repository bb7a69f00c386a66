import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { hashManifest, parseManifest, roomOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Envelope } from '@cloister/secrets'
import { type Address, type Hex, zeroHash } from 'viem'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SentRoom } from '../sent/sent-room.ts'
import type { Store } from '../store.ts'
import type { VolumeRoom } from '../volumes/volume-room.ts'
import { LeaseSupervisor, type SupervisorParts } from './supervisor.ts'
import { LEASE, openTestStore } from './testing.ts'

const MANIFEST = parseManifest('services:\n  web:\n    image: web\n', { file: 'compose.yaml' }).manifest
const [OPEN, CLOSED] = [1, 2]

let store: Store
let sent: SentRoom
let volumes: VolumeRoom
let close: () => void
beforeEach(() => {
  ;({ store, sent, volumes, close } = openTestStore({
    cpuMilli: 8_000,
    memoryMiB: 8_000,
    diskMiB: 80_000,
    gpus: 0,
  }))
})
afterEach(() => {
  vi.useRealTimers()
  close()
})

/** A supervisor whose chain says that the lease is in `state`, while `meanwhile` happens. */
function supervisorOf(state: number, meanwhile: () => void): LeaseSupervisor {
  const readContract = async () => {
    meanwhile()
    return { state, manifestHash: hashManifest(MANIFEST) }
  }
  const parts = {
    store,
    sent,
    volumes,
    wallet: { client: { readContract }, network: { contracts: { market: LEASE } } },
    config: {
      tcpPorts: { first: 1, last: 0 },
      listen: { host: '127.0.0.1' },
      attributes: {},
      capacity: { gpuClass: '' },
    },
    executor: { separateNetworks: true },
    log: () => {},
  }
  return new LeaseSupervisor(parts as unknown as SupervisorParts)
}

it('tells a lease what the engine says of it, and none that is closed or unknown', () => {
  const supervisor = supervisorOf(OPEN, () => {})
  supervisor.notice(LEASE, 'web-0: no machine has room')
  supervisor.notice(`0x${'99'.repeat(32)}`, 'of another')
  store.patchLease(LEASE, (lease) => {
    lease.state = 'closed'
  })
  supervisor.notice(LEASE, 'too late')
  const told = store.events(LEASE, 0).filter(({ kind }) => kind === 'engine')
  expect(told.map(({ message }) => message)).toEqual(['web-0: no machine has room'])
})

it('takes no manifest for a lease that is closed while the chain is asked', async () => {
  const supervisor = supervisorOf(OPEN, () => {
    store.patchLease(LEASE, (lease) => {
      lease.state = 'closed'
    })
  })
  await expect(supervisor.accept(LEASE, MANIFEST)).rejects.toMatchObject({ code: 'not-found' })
  expect(store.lease(LEASE)).not.toHaveProperty('next')
  expect(supervisor.runner(LEASE)).toBeUndefined()
})

it('takes no manifest for a lease that the chain knows to be closed before the worker does', async () => {
  const supervisor = supervisorOf(CLOSED, () => {})
  await expect(supervisor.accept(LEASE, MANIFEST)).rejects.toMatchObject({ code: 'not-found' })
  expect(store.lease(LEASE)).not.toHaveProperty('next')
  expect(supervisor.runner(LEASE)).toBeUndefined()
})

const OTHER: Hex = `0x${'2f'.repeat(32)}`
const TENANT: Address = `0x${'1'.repeat(40)}`
const WORKER: Address = `0x${'9'.repeat(40)}`
const [NONE, REFUSED] = [0, 3]
const ROOM = { cpuMilli: 1, memoryMiB: 1 }
const NEVER = new Promise<never>(() => {})
const manifestOf = (lines: string) =>
  parseManifest(`services:\n  web:\n    image: web\n${lines}`, { file: 'compose.yaml' }).manifest

/** What the chain says of each lease: its state, worker and the hash of its manifest. */
let chain: Record<Hex, { state: number; worker?: Address; manifest?: typeof MANIFEST; room?: bigint }>
/** Leases whose data the engine has, and those that it was told to wipe. */
let onDisk: Hex[]
let wiped: string[]
let supervisor: LeaseSupervisor
let events: string[]

/** A supervisor on the chain and engine that a test describes. */
function supervise(executor: Partial<Executor> = {}): LeaseSupervisor {
  const readContract = async ({ args: [id] }: { args: [Hex] }) => {
    const { state = NONE, worker = WORKER, manifest = MANIFEST, room = 0n } = chain[id] ?? {}
    return { state, worker, tenant: TENANT, manifestHash: hashManifest(manifest), terms: { room }, room }
  }
  const parts = {
    store,
    sent,
    volumes,
    wallet: {
      account: { address: WORKER },
      client: { readContract },
      network: { contracts: { market: LEASE } },
    },
    config: {
      tcpPorts: { first: 1, last: 0 },
      listen: { host: '127.0.0.1' },
      attributes: { region: 'home' },
      capacity: { cpus: 8, memory: 8_000, disk: 80_000, gpus: 0, gpuClass: 'h100' },
    },
    executor: {
      separateNetworks: false,
      pull: () => NEVER,
      leases: async () => onDisk,
      containers: async () => [],
      destroy: async (id: Hex) => void wiped.push(id),
      halt: async () => {},
      logs: async function* () {},
      ...executor,
    },
    secrets: { forget: () => {} },
    sockets: { close: async () => {}, closeAll: async () => {} },
    log: () => {},
  }
  supervisor = new LeaseSupervisor(parts as unknown as SupervisorParts)
  supervisor.events.on('event', ({ kind, message }) => events.push(`${kind}: ${message}`))
  return supervisor
}

beforeEach(() => {
  chain = { [LEASE]: { state: OPEN } }
  onDisk = []
  wiped = []
  events = []
})

describe('what a manifest takes that was sent', () => {
  afterEach(() => supervisor.halt())

  it('stays while it runs, whatever is announced for those after it', async () => {
    const bytes = Buffer.from('sent')
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    const manifest = {
      ...MANIFEST,
      volumes: { data: { sizeMiB: 1, class: 'default', from: { digest, bytes: bytes.length } } },
    }
    chain[LEASE] = { state: OPEN, manifest }
    supervise()
    const { ticket } = await supervisor.announce(LEASE, [{ digest, bytes: bytes.length }])
    const place = { lease: LEASE, ticket, digest, offset: 0 }
    await sent.receive(
      place,
      (async function* () {
        yield bytes
      })(),
    )
    await supervisor.accept(LEASE, manifest)
    for (const end of ['a', 'b', 'c'])
      await supervisor.announce(LEASE, [{ digest: `sha256:${end.repeat(64)}`, bytes: 1 }])
    await sent.sweep(Date.now() + 48 * 3_600_000)
    expect(existsSync(sent.fileOf(TENANT, digest))).toBe(true)
  })
})

describe('a manifest', () => {
  afterEach(() => supervisor.halt())

  it('that is the lease’s is kept before it is run, and taken once', async () => {
    await supervise().accept(LEASE, MANIFEST)
    expect(store.lease(LEASE)?.next).toMatchObject({ hash: hashManifest(MANIFEST) })
    expect(supervisor.runner(LEASE)).toBeDefined()
    await supervisor.accept(LEASE, MANIFEST)
    expect(events).toEqual([expect.stringMatching(/^manifest: Accepted the manifest 0x/)])
  })

  it('that is not the one on the lease is turned down, with what to do', async () => {
    await expect(supervise().accept(LEASE, manifestOf('    command: x\n'))).rejects.toMatchObject({
      code: 'wrong-manifest',
      hint: { do: 'update-lease' },
    })
    expect(store.lease(LEASE)).not.toHaveProperty('next')
  })

  it.each([
    [
      '    deploy: { resources: { limits: { cpus: "9" } } }\n',
      'unsupported',
      /^The manifest needs more than the lease has \(8 CPU, .* of memory, .* of disk\)\.$/,
    ],
    [
      '    ports: ["80"]\n  two:\n    image: web\n    ports: ["80"]\n',
      'unsupported',
      /^Two containers listen on the same port/,
    ],
    ['    x-sealed: [PASSWORD]\n', 'secrets-missing', /not handed over: PASSWORD\.$/],
  ])('that this worker can’t serve is turned down: %j', async (lines, code, message) => {
    const manifest = manifestOf(lines)
    chain = { [LEASE]: { state: OPEN, manifest } }
    await expect(supervise().accept(LEASE, manifest)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(store.lease(LEASE)).not.toHaveProperty('next')
    expect(events).toEqual([])
  })

  it('that asks for what this worker is not is turned down', async () => {
    const manifest = { ...MANIFEST, attributes: { region: 'moon' } }
    chain = { [LEASE]: { state: OPEN, manifest } }
    await expect(supervise().accept(LEASE, manifest)).rejects.toMatchObject({
      code: 'unsupported',
      message: 'The manifest asks for region=moon; here it is home.',
    })
  })

  it('of a lease that nobody here has heard of makes it look at the chain', async () => {
    chain = { [OTHER]: { state: OPEN } }
    await expect(supervise().accept(OTHER, MANIFEST)).rejects.toMatchObject({ code: 'unsupported' })
    expect(events).toEqual(['opened: The lease is open; waiting for its manifest.'])
    chain = { [OTHER]: { state: OPEN, worker: TENANT } }
    const stranger: Hex = `0x${'3a'.repeat(32)}`
    chain = { [stranger]: { state: OPEN, worker: TENANT } }
    await expect(supervisor.accept(stranger, MANIFEST)).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('a lease that is resized', () => {
  const all = { cpuMilli: 8_000, memoryMiB: 8_000, diskMiB: 80_000, gpus: 0 }
  const roomFor = (memoryMiB: number) =>
    roomOf({ cpuMilli: 2_000, memoryMiB: memoryMiB + 64, diskMiB: 20_000, gpus: 0 }, all)
  const large = manifestOf('    mem_limit: 4000m\n')

  beforeEach(async () => {
    chain = { [OTHER]: { state: OPEN, room: roomFor(1_000) } }
    await supervise().refresh(OTHER)
    events = []
  })
  afterEach(() => supervisor.halt())

  it('has what the chain says from then on, and its tenant is told', async () => {
    chain = { [OTHER]: { state: OPEN, room: roomFor(4_000) } }
    await supervisor.refresh(OTHER)
    await supervisor.refresh(OTHER)
    expect(store.lease(OTHER)?.resources).toMatchObject({ cpuMilli: 2_000, memoryMiB: 4_064 })
    expect(store.openLeases().find(({ id }) => id === OTHER)?.resources.memoryMiB).toBe(4_064)
    expect(events).toEqual([expect.stringMatching(/^resized: The lease has 2 CPU, 3.9\d* GiB of memory, /)])
    // Nor does it matter what the worker says that it lends meanwhile.
    chain = { [OTHER]: { state: OPEN, room: roomFor(1_000) } }
    await supervisor.refresh(OTHER)
    expect(store.lease(OTHER)?.resources.memoryMiB).toBe(1_064)
  })

  it('takes the manifest that needs it, though nobody has heard of the resize yet', async () => {
    chain = { [OTHER]: { state: OPEN, room: roomFor(1_000), manifest: large } }
    await expect(supervisor.accept(OTHER, large)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('needs more than the lease has (2 CPU, 1000 MiB of memory'),
      hint: { do: 'resize-lease', subject: OTHER.slice(2, 18) },
    })
    chain = { [OTHER]: { state: OPEN, room: roomFor(4_000), manifest: large } }
    await supervisor.accept(OTHER, large)
    expect(store.lease(OTHER)?.next?.hash).toBe(hashManifest(large))
  })

  it('remembers since when what runs needs more than it has, and until when', async () => {
    chain = { [OTHER]: { state: OPEN, room: roomFor(4_000), manifest: large } }
    await supervisor.refresh(OTHER)
    store.patchLease(OTHER, (lease) => {
      lease.running = { hash: hashManifest(large), manifest: large, images: {} }
    })
    chain = { [OTHER]: { state: OPEN, room: roomFor(1_000) } }
    await supervisor.refresh(OTHER)
    const since = store.lease(OTHER)?.outgrownSince
    expect(since).toBeGreaterThan(Date.now() - 10_000)
    chain = { [OTHER]: { state: OPEN, room: roomFor(900) } }
    await supervisor.refresh(OTHER)
    expect(store.lease(OTHER)?.outgrownSince).toBe(since)
    chain = { [OTHER]: { state: OPEN, room: roomFor(4_000) } }
    await supervisor.refresh(OTHER)
    expect(store.lease(OTHER)).not.toHaveProperty('outgrownSince')
  })

  it('lets go of a paused lease once it is large enough for what ran, and not before', async () => {
    chain = { [OTHER]: { state: OPEN, room: roomFor(4_000), manifest: large } }
    await supervisor.refresh(OTHER)
    store.patchLease(OTHER, (lease) => {
      lease.running = { hash: hashManifest(large), manifest: large, images: {} }
    })
    await supervisor.hold(OTHER, true, undefined)
    chain = { [OTHER]: { state: OPEN, room: roomFor(100) } }
    await supervisor.refresh(OTHER)
    await expect(supervisor.hold(OTHER, false, undefined)).rejects.toMatchObject({ code: 'unsupported' })
    expect(store.lease(OTHER)?.held).toEqual({})
    // Nobody has heard of the resize yet.
    chain = { [OTHER]: { state: OPEN, room: roomFor(4_000), manifest: large } }
    await supervisor.hold(OTHER, false, undefined)
    expect(store.lease(OTHER)).not.toHaveProperty('held')
  })
})

describe('sealed secrets and logins', () => {
  const envelope = { app: zeroHash, names: ['PASSWORD'] } as unknown as Envelope

  afterEach(() => supervisor.halt())

  it('are kept for the manifest that comes, and told of by number alone', async () => {
    await supervise().acceptSecrets(LEASE, envelope)
    await supervisor.acceptLogins(LEASE, [{ registry: 'r', username: 'u', password: 'p' } as never])
    expect(store.lease(LEASE)).toMatchObject({ envelope, logins: [{ username: 'u' }] })
    await supervisor.acceptLogins(LEASE, [])
    expect(store.lease(LEASE)).not.toHaveProperty('logins')
    expect(events).toEqual([
      'secrets: Took 1 sealed secret.',
      'logins: Took 1 login for registries.',
      'logins: Took 0 logins for registries.',
    ])
  })

  it('start anew what runs and takes them', async () => {
    const manifest = manifestOf('    x-sealed: [PASSWORD]\n')
    const hash = hashManifest(manifest)
    store.patchLease(LEASE, (lease) => {
      lease.running = { hash, manifest, images: {} }
    })
    await supervise().acceptSecrets(LEASE, envelope)
    expect(store.lease(LEASE)?.next).toMatchObject({ hash, envelope })
  })

  it('of a lease that is closed here are nobody’s', async () => {
    store.patchLease(LEASE, (lease) => {
      lease.state = 'closed'
    })
    supervise()
    for (const act of [
      () => supervisor.acceptSecrets(LEASE, envelope),
      () => supervisor.acceptLogins(LEASE, []),
      () => supervisor.pullAgain(LEASE),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'not-found' })
  })

  it('and nothing can be pulled again where nothing runs', async () => {
    await expect(supervise().pullAgain(LEASE)).rejects.toMatchObject({ code: 'not-running' })
  })
})

describe('what the chain says', () => {
  afterEach(() => supervisor.halt())

  it('closes a lease: its data is wiped, its manifests are gone, and its tenant told who did it', async () => {
    store.patchLease(LEASE, (lease) => {
      lease.next = { hash: zeroHash, manifest: MANIFEST }
    })
    chain = { [LEASE]: { state: CLOSED } }
    await supervise().refresh(LEASE, TENANT)
    expect(store.lease(LEASE)).toMatchObject({ state: 'closed' })
    expect(store.lease(LEASE)).not.toHaveProperty('next')
    expect(wiped).toEqual([LEASE])
    expect(events).toEqual([expect.stringMatching(/^closed: Its tenant closed the lease; everything/)])
    await supervisor.refresh(LEASE)
    expect(events).toHaveLength(1)
  })

  it('has a lease wiped that the engine can’t wipe just then, until it can', async () => {
    let fails = 2
    chain = { [LEASE]: { state: CLOSED } }
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const destroy = async (id: string) => {
      if (fails-- > 0) throw new Error('This node is not a swarm manager.')
      wiped.push(id)
    }
    await supervise({ destroy }).refresh(LEASE, TENANT)
    expect(store.lease(LEASE)?.state).toBe('closed')
    await vi.advanceTimersByTimeAsync(1_100)
    expect([fails, wiped]).toEqual([0, []])
    await vi.advanceTimersByTimeAsync(2_100)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([fails, wiped]).toEqual([-1, [LEASE]])
  })

  it('is not believed at once where it says nothing of a lease, as while it goes back and forth', async () => {
    chain = {}
    vi.useFakeTimers({ toFake: ['Date'] })
    await supervise().refresh(LEASE)
    vi.setSystemTime(Date.now() + 119_000)
    await supervisor.refresh(LEASE)
    expect(store.lease(LEASE)?.state).toBe('open')
    chain = { [LEASE]: { state: OPEN } }
    await supervisor.refresh(LEASE)
    chain = {}
    vi.setSystemTime(Date.now() + 10_000)
    await supervisor.refresh(LEASE)
    expect(wiped).toEqual([])
    vi.setSystemTime(Date.now() + 121_000)
    await supervisor.refresh(LEASE)
    expect(store.lease(LEASE)?.state).toBe('closed')
    expect(wiped).toEqual([LEASE])
  })

  it('opens a closed lease again, which only a reorganisation does', async () => {
    store.patchLease(LEASE, (lease) => {
      lease.state = 'closed'
    })
    await supervise().refresh(LEASE)
    expect(store.lease(LEASE)?.state).toBe('open')
    expect(supervisor.runner(LEASE)).toBeDefined()
  })

  it('decides after a restart what of the engine’s data stays', async () => {
    const strange: Hex = `0x${'4b'.repeat(32)}`
    onDisk = [LEASE, OTHER, strange]
    chain = { [LEASE]: { state: OPEN }, [OTHER]: { state: OPEN }, [strange]: { state: REFUSED } }
    await supervise().resume()
    expect(wiped).toEqual([strange])
    expect(supervisor.openLeases().map(({ id }) => id)).toEqual(expect.arrayContaining([LEASE, OTHER]))
    expect(supervisor.runner(LEASE)).toBeDefined()
  })

  it('decides so again whenever a machine answers that was away', async () => {
    let comeBack = () => {}
    await supervise({ onReturn: (done) => void (comeBack = done) }).resume()
    await supervisor.refresh(LEASE)
    onDisk = [LEASE, OTHER]
    chain = { [LEASE]: { state: OPEN }, [OTHER]: { state: CLOSED } }
    comeBack()
    await expect.poll(() => wiped).toEqual([OTHER])
    // One that is closed meanwhile is wiped there, too, once it is back.
    chain = { [LEASE]: { state: CLOSED } }
    await supervisor.refresh(LEASE, TENANT)
    expect(wiped).toEqual([OTHER, LEASE])
    onDisk = [LEASE]
    comeBack()
    await expect.poll(() => wiped).toEqual([OTHER, LEASE, LEASE])
  })

  it('and where it does not answer, nothing is wiped', async () => {
    onDisk = [OTHER]
    supervise()
    chain = new Proxy(chain, {
      get: () => {
        throw new Error('The chain does not answer.')
      },
    })
    await supervisor.resume()
    expect(wiped).toEqual([])
    expect(supervisor.openLeases().map(({ id }) => id)).toEqual([LEASE])
  })
})

it('keeps no last words of a service that kept what it prints from everybody, with nobody to watch it', async () => {
  const manifest = manifestOf('    x-logs: false\n  door:\n    image: web\n')
  store.patchLease(LEASE, (lease) => {
    lease.running = { hash: hashManifest(manifest), manifest, images: {} }
  })
  chain = { [LEASE]: { state: CLOSED } }
  const container = { revision: 'r', digest: 'd', running: true, exit: undefined, startedAt: 1 }
  await supervise({
    containers: async () => ['web-0', 'door-0'].map((name) => ({ ...container, ...ROOM, name })),
    logs: async function* (_, name) {
      yield { time: 1, stream: 'stdout' as const, text: name }
    },
  }).refresh(LEASE)
  const { lines = [], services = [] } = store.ended.report(LEASE) ?? {}
  expect(lines.map(({ text }) => text)).toEqual(['door-0'])
  expect(services.map(({ service, logs }) => [service, logs])).toEqual([
    ['web', false],
    ['door', undefined],
  ])
})

it('that stops waits for a lease that is being ended, whose containers take their time', async () => {
  chain = { [LEASE]: { state: CLOSED } }
  const worker = supervise({
    destroy: async (id) => {
      await new Promise((done) => setTimeout(done, 25_000))
      wiped.push(id)
    },
  })
  vi.useFakeTimers()
  void worker.refresh(LEASE)
  const halted = worker.halt().then(() => [...wiped])
  await vi.advanceTimersByTimeAsync(26_000)
  expect(await halted).toEqual([LEASE])
})
