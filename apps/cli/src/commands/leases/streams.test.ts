import { CloisterError } from '@cloister/core'
import { leases, sessionOf } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { connect } from '../../context.ts'
import { fakeCloister, LEASE, typed, typedJson } from '../../testing.ts'
import { addLeaseStreams, addLeases } from './commands.ts'

function withWorker(asTenant: object) {
  vi.mocked(sessionOf).mockReturnValue({ asTenant } as unknown as ReturnType<typeof sessionOf>)
}

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  const record = { lease: LEASE } as Awaited<ReturnType<typeof leases.findLease>>
  vi.mocked(leases.findLease).mockResolvedValue(record)
})
afterEach(() => void vi.useRealTimers())

describe('exec', () => {
  const said = () => vi.mocked(exec).mock.calls[0]?.[1]

  it('ends with the command’s own exit code, and says it where that is not 0', async () => {
    withWorker({})
    vi.mocked(exec).mockResolvedValue(3)
    const failed = await typed(addLeaseStreams, 'exec', 'shop', '--', 'sh', '-c', 'exit 3')
    expect(failed).toMatchObject({ err: 'exit code 3\n', exitCode: 3 })
    expect(said()).toMatchObject({ lease: LEASE, argv: ['sh', '-c', 'exit 3'], container: undefined })
    vi.mocked(exec).mockResolvedValue(0)
    expect(await typed(addLeaseStreams, 'exec', 'shop', '--', 'true')).toMatchObject({ err: '', exitCode: 0 })
  })

  it('names a copy of a service, and takes no copy of nothing', async () => {
    withWorker({})
    vi.mocked(exec).mockResolvedValue(0)
    await typed(addLeaseStreams, 'exec', 'shop', '--service', 'web', '--replica', '1', '--', 'true')
    expect(said()?.container).toBe('web-1')
    const wrong = await typed(addLeaseStreams, 'exec', 'shop', '--replica', '1', '--', 'true')
    expect(wrong.err).toContain('--replica takes the number of a copy, and --service says of what.')
    expect(wrong.err).toContain('As in --service web --replica 1.')
  })

  it('ends with 125 where the command could not be run, as docker does', async () => {
    withWorker({})
    vi.mocked(exec).mockRejectedValue(new CloisterError('not-found', 'There is no container db.'))
    const { err, exitCode } = await typed(addLeaseStreams, 'exec', 'shop', '--', 'true')
    expect(err).toContain('✘ There is no container db.')
    expect(exitCode).toBe(125)
  })
})

describe('events', () => {
  const EVENTS = [
    { id: 1, lease: LEASE, time: 1_900_000_000_000, kind: 'started', message: 'web runs\x1b[2J' },
  ]

  it('are one line each, without what a terminal obeys', async () => {
    const asked = vi.fn((_: string, __: object) => EVENTS)
    withWorker({ events: asked })
    const { out, err, exitCode } = await typed(addLeaseStreams, 'events', 'shop', '-f')
    expect(out).toBe('2030-03-17 17:46:40  started       web runs[2J\n')
    expect(err).toBe('The lease has ended.\n')
    expect(exitCode).toBe(0)
    expect(asked.mock.calls[0]).toMatchObject([LEASE, { follow: true }])
    const { json } = await typedJson(addLeaseStreams, 'events', 'shop')
    expect(json).toEqual(EVENTS[0])
  })

  it('say below what a container printed last, a line each', async () => {
    const message = 'web-0: it ended with code 1.\nIt printed last:\nno \x1b[2Jdatabase'
    withWorker({ events: () => [{ id: 1, lease: LEASE, time: 1_900_000_000_000, kind: 'failed', message }] })
    const { out } = await typed(addLeaseStreams, 'events', 'shop')
    expect(out).toBe(
      '2030-03-17 17:46:40  failed        web-0: it ended with code 1.\n    It printed last:\n    no [2Jdatabase\n',
    )
  })

  it('of all leases come with their names, and go on after a cursor', async () => {
    const all = vi.mocked(leases.allEvents).mockImplementation(async function* () {
      yield {
        lease: LEASE,
        name: 'shop',
        time: 1_900_000_000_000,
        from: 'worker',
        kind: 'failed',
        message: 'x\x1b[2J',
        cursor: 'c',
      }
    })
    const { out } = await typed(addLeaseStreams, 'events', '--all', '-f', '--cursor', 'b')
    expect(out).toBe('2030-03-17 17:46:40  shop             failed        x[2J\n')
    expect(all.mock.calls[0]?.[1]).toMatchObject({ follow: true, cursor: 'b' })
    expect((await typedJson(addLeaseStreams, 'events', '--all')).json).toMatchObject({ cursor: 'c' })
    for (const words of [['events'], ['events', 'shop', '--all'], ['events', 'shop', '--cursor', 'x']])
      expect(await typed(addLeaseStreams, ...words)).toMatchObject({ exitCode: 1, out: '' })
  })

  it('of a lease that nobody knows are an error', async () => {
    const unknown = new CloisterError('not-found', 'There is no lease shop.', { hint: { do: 'list-leases' } })
    vi.mocked(leases.findLease).mockRejectedValue(unknown)
    vi.mocked(leases.logs).mockImplementation(() => {
      throw unknown
    })
    for (const words of [
      ['events', 'shop'],
      ['logs', 'shop'],
      ['exec', 'shop', 'true'],
    ]) {
      const { err, exitCode } = await typed(addLeaseStreams, ...words)
      expect(err).toBe('✘ There is no lease shop.\n  See `cloister ps`.\n')
      expect(exitCode).toBe(1)
    }
  })
})

describe('metrics', () => {
  const GIB = 1024 ** 3
  const reading = (time: number, cpuSeconds: number) => ({
    lease: LEASE,
    time,
    diskBytes: GIB / 2,
    diskMiBLimit: 1024,
    containers: [
      {
        name: 'web-0',
        cpuSeconds,
        cpuMilliLimit: 1000,
        memoryBytes: GIB / 4,
        memoryMiBLimit: 512,
        processes: 7,
        processesLimit: 100,
      },
    ],
  })

  it('show CPU as the difference of two readings, and each beside its limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const readings = [reading(0, 10), reading(1000, 10.25)]
    const metrics = vi.fn(async () => readings.shift())
    withWorker({ metrics })
    const shown = typed(addLeases, 'metrics', 'shop')
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 5 })
    await vi.runAllTimersAsync()
    const { out } = await shown
    expect(out).toMatch(/web-0 +█{5}░{15} +0\.25 of 1 CPU +█{10}░{10} +256 of 512 MiB +7 of 100/)
    expect(out).toMatch(/disk {2}█{10}░{10} {2}512 MiB of 1 GiB/)
  })

  it('are one reading for programs', async () => {
    const metrics = vi.fn(async () => reading(0, 10))
    withWorker({ metrics })
    expect((await typedJson(addLeases, 'metrics', 'shop')).json).toEqual(reading(0, 10))
    expect(metrics).toHaveBeenCalledOnce()
  })

  it('of a worker that does not answer are an error', async () => {
    withWorker({
      metrics: async () => {
        throw new CloisterError('unreachable', 'The worker does not answer.')
      },
    })
    const { err, exitCode } = await typed(addLeases, 'metrics', 'shop')
    expect(err).toBe('✘ The worker does not answer.\n')
    expect(exitCode).toBe(1)
  })
})

describe('a token for Prometheus', () => {
  const ACCESS = {
    lease: LEASE,
    token: 'cst_abc',
    expiresAt: 1_900_000_000,
    url: `https://gateway.example:8443/v1/leases/${LEASE}/scrape`,
  }

  it('comes with what to put into its configuration', async () => {
    const make = vi.mocked(leases.makeScrapeToken).mockResolvedValue(ACCESS)
    const { out, err } = await typed(addLeases, 'metrics', 'token', 'shop', '--ttl', '2d')
    expect(make.mock.calls[0]?.slice(1)).toEqual(['shop', { ttlSeconds: 172_800 }])
    expect(parse(out)).toEqual({
      scrape_configs: [
        {
          job_name: 'cloister-shop',
          scheme: 'https',
          metrics_path: `/v1/leases/${LEASE}/scrape`,
          authorization: { credentials: 'cst_abc' },
          static_configs: [{ targets: ['gateway.example:8443'], labels: { lease: LEASE.slice(2, 18) } }],
        },
      ],
    })
    expect(err).toContain('it is shown once')
    const { json } = await typedJson(addLeases, 'metrics', 'token', 'shop')
    expect(json).toMatchObject(ACCESS)
  })

  it('is revoked with all others, and holds for a minute at least', async () => {
    const revoke = vi.mocked(leases.revokeScrapeTokens).mockResolvedValue()
    const { out } = await typed(addLeases, 'metrics', 'token', 'shop', '--revoke')
    expect(out).toBe('No token of the lease holds any more.\n')
    expect(revoke).toHaveBeenCalledOnce()
    expect((await typed(addLeases, 'metrics', 'token', 'shop', '--ttl', '5s')).err).toContain('a minute')
  })
})
