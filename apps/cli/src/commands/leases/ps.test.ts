import { type LeaseStatus, leases } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { ACCOUNT, fakeCloister, LEASE, PROVIDER, typing, USDC, USDC_TOKEN, WORKER } from '../../testing.ts'
import { addLeases } from './commands.ts'

const { run } = typing(addLeases)

const now = () => Math.round(Date.now() / 1000)

function status(changes: Partial<LeaseStatus> = {}): LeaseStatus {
  return {
    lease: LEASE,
    shortId: LEASE.slice(2, 18),
    name: 'shop',
    replica: undefined,
    state: 'running',
    attestation: 'simulated',
    coveredUntil: now() + 3600,
    uncoveredSeconds: 0,
    uncoveredCost: 0n,
    noticeSeconds: 600,
    interruptible: true,
    noticeUntil: undefined,
    tenant: ACCOUNT,
    provider: PROVIDER,
    worker: WORKER,
    token: USDC,
    symbol: 'USDC',
    ratePerSecond: 2n,
    deposit: 14_400n,
    spent: 200n,
    balance: 14_200n,
    refund: 0n,
    paidUntil: now() + 7100,
    secondsLeft: 7100,
    manifestHash: LEASE,
    failed: undefined,
    services: [],
    domains: [],
    url: {},
    routes: [],
    openedAt: now() - 100,
    closedAt: undefined,
    problem: undefined,
    ...changes,
  }
}

function withLeases(...found: LeaseStatus[]) {
  const asked = vi.fn(async (_: object) => ({ items: found }))
  vi.mocked(connect).mockReturnValue(fakeCloister({ index: { leases: asked } }))
  vi.mocked(leases.status).mockImplementation(async (_, key) => {
    const id = typeof key === 'string' ? key : key.lease
    const lease = found.find((one) => one.lease === id)
    if (!lease) throw new Error(`nobody knows ${id}`)
    return lease
  })
  return asked
}

beforeEach(() => void withLeases(status()))

describe('ps', () => {
  it('shows what runs, what it costs and how long the money lasts', async () => {
    const { out } = await run('ps')
    expect(out).toMatch(
      /7f3a000000000000 +shop +running .* 0\.0072 USDC .* 0\.0142 USDC +1h 58m +10m, interruptible +simulated/,
    )
  })

  it('asks for open leases of the account, and for all with --all', async () => {
    const asked = withLeases(status())
    await run('ps')
    await run('ps', '--all')
    expect(asked.mock.calls.map(([query]) => query)).toEqual([
      { tenant: ACCOUNT, limit: 200, open: true },
      { tenant: ACCOUNT, limit: 200 },
    ])
  })

  it('shows a closed lease with its name, and neither money left nor time', async () => {
    withLeases(status({ state: 'closed', closedAt: now() }))
    const { out } = await run('ps', '--all')
    expect(out).toMatch(/shop +closed/)
    expect(out).not.toMatch(/0\.0142|1h 58m/)
  })

  it('says how to begin where there is none', async () => {
    withLeases()
    expect((await run('ps')).out).toContain('cloister deploy FILE')
  })

  it('gives programs all of it, whole numbers beyond 2^53 as text', async () => {
    const { out, err } = await run('ps', '--json')
    expect(JSON.parse(out)).toMatchObject([{ lease: LEASE, state: 'running', balance: '14200' }])
    expect(err).toBe('')
  })
})

describe('status', () => {
  it('says for how long the worker did not count, and what that cost it', async () => {
    withLeases(status({ uncoveredSeconds: 90, uncoveredCost: 180n }))
    const { out } = await run('status', LEASE)
    expect(out).toMatch(/not covered +1m 30s, .* 0\.00018 USDC/)
  })

  it('says since when an attestation has lapsed, and that nothing is paid', async () => {
    withLeases(status({ attestation: 'lapsed', coveredUntil: now() - 60 }))
    expect((await run('status', LEASE)).out).toMatch(/lapsed since .*nothing is paid/)
  })

  it('says of a container that nobody reads what it prints', async () => {
    const door = {
      name: 'door-0',
      service: 'door',
      state: 'running',
      restarts: 0,
      image: 'a',
      digest: 'b',
    } as const
    const engine = { ...door, name: 'engine-0', service: 'engine', logs: false } as const
    withLeases(status({ services: [door, engine] }))
    const { out } = await run('status', LEASE)
    expect(out).toMatch(/engine-0 .*nobody reads what it prints/)
    expect(out).not.toMatch(/door-0 .*nobody reads/)
  })

  it('shows what a stranger’s worker says without what a terminal obeys', async () => {
    withLeases(status({ failed: { manifestHash: LEASE, reason: 'no\x1b[2J' } }))
    expect((await run('status', LEASE)).out).not.toContain('\x1b[2J')
  })
})

describe('close', () => {
  const closed = { lease: LEASE, token: USDC, spent: 200n, refund: 14_200n, credited: 0n }

  it('says what it cost and what is back', async () => {
    vi.mocked(leases.close).mockResolvedValue(closed as Awaited<ReturnType<typeof leases.close>>)
    const { out } = await run('close', 'shop')
    expect(out).toContain('It cost 0.0002 USDC; 0.0142 USDC are back')
    expect(out).not.toContain('wallet withdraw')
  })

  it('says where money waits that the token did not let go', async () => {
    const credited = { ...closed, credited: 5n } as Awaited<ReturnType<typeof leases.close>>
    vi.mocked(leases.close).mockResolvedValue(credited)
    expect((await run('close', 'shop')).out).toContain('cloister wallet withdraw')
  })
})

describe('top-up', () => {
  it('reads the amount in whole tokens of the lease', async () => {
    vi.mocked(leases.topUp).mockImplementation(async (_, __, amount) => {
      const units = typeof amount === 'function' ? amount(USDC_TOKEN) : amount
      const added = { lease: LEASE, token: USDC, amount: units, balance: 7_200n, ratePerSecond: 2n }
      return added as Awaited<ReturnType<typeof leases.topUp>>
    })
    const { out } = await run('top-up', 'shop', '0.5')
    expect(out).toContain('Added 0.5 USDC to shop; it lasts 1h')
  })
})
