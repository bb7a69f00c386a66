import {
  bodyHash,
  type EndedReport,
  encodeAuthorization,
  type LogReport,
  requestTypedData,
} from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LeaseRunner } from '../leases/runner.ts'
import { LEASE, openTestStore } from '../leases/testing.ts'
import type { Store } from '../store.ts'
import { workerApi } from './app.ts'
import { readLogs } from './logs.ts'
import type { Worker } from './worker.ts'

const CHAIN_ID = 31_337
const WORKER = privateKeyToAccount(generatePrivateKey()).address
const tenant = privateKeyToAccount(generatePrivateKey())
const LINE: LogReport = { time: 1, container: 'door-0', stream: 'stdout', text: 'door-0 says this' }

let store: Store
let close: () => void
/** Containers whose log was asked of the engine. */
let asked: string[]
/** Containers that keep what they print from everybody. */
let silent: string[]
/** The lease's containers; none once it has ended. */
let runner: LeaseRunner | undefined

beforeEach(() => {
  ;({ store, close } = openTestStore({ cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0 }))
  store.patchLease(LEASE, (lease) => {
    lease.tenant = tenant.address
  })
  asked = []
  silent = ['engine-0']
  runner = {
    id: LEASE,
    wiped: new AbortController().signal,
    mayRead: (name: string) => !silent.includes(name),
    report: () =>
      ['door-0', 'engine-0'].map((name) => ({
        name,
        service: name.slice(0, -2),
        logs: silent.includes(name) ? false : undefined,
      })),
  } as unknown as LeaseRunner
})
afterEach(() => close())

/** An engine as far as readers of logs see one: it would tell what any container printed. */
const executor = {
  async *logs(_: string, name: string) {
    asked.push(name)
    yield { time: 1, stream: 'stdout', text: `${name} says this` }
  },
} as unknown as Executor

/** What the worker answers the tenant. */
async function ask(path: string): Promise<Response> {
  const worker = {
    store,
    executor,
    key: { address: WORKER },
    chain: { client: {}, network: { chainId: CHAIN_ID } },
    supervisor: { runner: () => runner },
    log: () => {},
  } as unknown as Worker
  const nonce: Hex = `0x${crypto.randomUUID().replaceAll('-', '').repeat(2)}`
  const signed = { tenant: tenant.address, issuedAt: Math.floor(Date.now() / 1000), nonce }
  const request = { ...signed, worker: WORKER, method: 'GET', path, bodyHash: bodyHash('') }
  const signature = await tenant.signTypedData(requestTypedData(request, CHAIN_ID))
  const authorization = encodeAuthorization({ ...signed, signature })
  return workerApi(worker).request(path, { headers: { authorization } }, { incoming: { url: path } })
}

const logsAt = (query: string) => ask(`/v1/leases/${LEASE}/logs?${query}`)
const FORBIDDEN = { code: 'forbidden', title: expect.stringMatching(/prints is kept from everybody/) }

describe('what a service prints that keeps it from everybody', () => {
  it.each(['service=engine', 'service=engine-0', 'service=engine&follow=true'])(
    'is told to nobody who asks by %s, and the engine isn’t asked',
    async (query) => {
      const answer = await logsAt(query)
      expect(answer.status).toBe(403)
      expect(await answer.json()).toMatchObject(FORBIDDEN)
      expect(asked).toEqual([])
    },
  )

  it('is left out where all services are asked for, and the others’ lines come', async () => {
    const answer = await logsAt('')
    expect(answer.status).toBe(200)
    const text = await answer.text()
    expect(text).toContain('door-0 says this')
    expect(text).not.toContain('engine-0')
    expect(asked).toEqual(['door-0'])
  })

  it('is refused in so many words where no service of the lease has anything else', async () => {
    silent = ['door-0', 'engine-0']
    const answer = await logsAt('')
    expect([answer.status, asked]).toEqual([403, []])
    expect(await answer.json()).toMatchObject(FORBIDDEN)
  })

  it('is cut off for who follows already when an update makes it so', async () => {
    silent = []
    const texts: string[] = []
    const { signal } = new AbortController()
    const request = { service: 'engine', tail: 9, follow: false, signal }
    const engine = {
      async *logs() {
        yield { time: 1, stream: 'stdout', text: 'before' }
        silent = ['engine-0']
        yield { time: 2, stream: 'stdout', text: 'after' }
      },
    } as unknown as Executor
    const followed = runner ?? expect.unreachable()
    for await (const { text } of readLogs(engine, followed, request)) texts.push(text)
    expect(texts).toEqual(['before'])
  })
})

describe('what is left of a lease with such a service', () => {
  const service = (name: string): EndedReport['services'][number] => ({
    name: `${name}-0`,
    service: name,
    state: 'failed',
    restarts: 0,
    image: name,
    digest: 'sha256:1',
  })

  it('has the others’ lines, and says plainly that there are none of it', async () => {
    runner = undefined
    const services = [service('door'), { ...service('engine'), logs: false as const }]
    await store.ended.keep({ lease: LEASE, lines: [LINE], services, reader: undefined })
    const engine = await logsAt('service=engine')
    expect(engine.status).toBe(403)
    expect(await engine.json()).toMatchObject(FORBIDDEN)
    expect(await (await logsAt('')).text()).toContain('door-0 says this')
    store.patchLease(LEASE, (lease) => {
      lease.state = 'closed'
    })
    const left = (await (await ask(`/v1/leases/${LEASE}/ended`)).json()) as EndedReport
    expect(left.services.map(({ logs }) => logs)).toEqual([undefined, false])
  })
})
