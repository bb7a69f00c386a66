import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LeaseStatus, leases } from '@cloister/sdk'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { ACCOUNT, fakeCloister, LEASE, typed, USDC } from '../../testing.ts'
import { addLeases } from './commands.ts'

const OTHER = `0x${'9b'.padEnd(64, '0')}` as const
let home: string
let found: LeaseStatus[]

const status = (changes: Partial<LeaseStatus> = {}): LeaseStatus =>
  ({
    lease: LEASE,
    shortId: LEASE.slice(2, 18),
    name: 'shop',
    tenant: ACCOUNT,
    state: 'running',
    attestation: 'simulated',
    noticeUntil: undefined,
    token: USDC,
    ratePerSecond: 2n,
    deposit: 14_400n,
    secondsLeft: 86_400,
    services: [],
    domains: [],
    ...changes,
  }) as LeaseStatus

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cloister-keep-'))
  vi.stubEnv('CLOISTER_HOME', home)
  found = [status()]
  vi.mocked(connect).mockImplementation(() =>
    fakeCloister({ index: { leases: async () => ({ items: found }) } }),
  )
  vi.mocked(leases.status).mockImplementation(async (_, key) => {
    const lease = found.find((one) => one.lease === key)
    if (!lease) throw new Error(`nobody knows ${String(key)}`)
    return lease
  })
  vi.mocked(leases.findLease).mockImplementation(async (_, key) => {
    const lease = found.find(({ name }) => name === key)
    if (!lease) throw new Error(`nobody knows ${key}`)
    return lease as never
  })
  vi.mocked(leases.topUp)
    .mockReset()
    .mockResolvedValue({} as never)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

const keep = (...words: string[]) => typed(addLeases, 'keep', '--once', ...words)

describe('keep', () => {
  it('says what is the matter with a lease, and not again at the next look', async () => {
    found = [status({ secondsLeft: 1800 })]
    expect((await keep()).out).toContain('money-low     shop: The money lasts 30m more.')
    expect((await keep()).out).toBe('')
  })

  it('tells programs in JSON', async () => {
    found = [status({ secondsLeft: 1800 })]
    expect(JSON.parse((await keep('--json')).out)).toMatchObject({
      kind: 'money-low',
      lease: 'shop',
      message: 'The money lasts 30m more.',
    })
  })

  it('looks at those leases that are named', async () => {
    found = [status({ secondsLeft: 60 }), status({ lease: OTHER, name: 'blog', secondsLeft: 60 })]
    const { out } = await keep('blog')
    expect(out).toContain('blog')
    expect(out).not.toContain('shop')
  })

  it('tells once that a lease is closed which it watched', async () => {
    await keep()
    found = [status({ state: 'closed' })]
    expect((await keep()).out).toContain('closed        shop: The lease is closed')
    expect((await keep()).out).toBe('')
  })

  it('pays into a lease whose money is low, within the limit of the day', async () => {
    found = [status({ secondsLeft: 600 })]
    const words = ['--low', '1h', '--top-up', '2h', '--most-per-day', '0.01']
    expect((await keep(...words)).out).toContain('topped-up     shop: Paid for 1h 23m more.')
    expect(leases.topUp).toHaveBeenCalledWith(expect.anything(), LEASE, 10_000n)
    found = [status({ secondsLeft: 600, deposit: 24_400n })]
    expect((await keep(...words)).out).toContain('limit         shop: Its money is low, and the limit')
    expect(leases.topUp).toHaveBeenCalledTimes(1)
  })

  it('pays from another wallet, which then is the limit', async () => {
    found = [status({ secondsLeft: 600 })]
    await keep('--low', '1h', '--top-up', '2h', '--most-per-day', '5', '--pay-from', 'purse')
    expect(connect).toHaveBeenLastCalledWith(expect.objectContaining({ account: 'purse' }))
    expect(leases.topUp).toHaveBeenCalledTimes(1)
  })

  it.each([
    [['--top-up', '1d'], 'Add --most-per-day'],
    [['--top-up', '1h', '--most-per-day', '5'], '--top-up has to be longer than --low, which is 6h'],
    [['--most-per-day', '5'], 'is for --top-up and --replace'],
    [['--sealed', 'shop=shop.sealed'], '--sealed is for --replace'],
    [['--replace', '--most-per-day', '5', '--sealed', 'shop.sealed'], '--sealed takes group=file'],
    [['--replace', '--most-per-day', '5', '--sealed', 'shop=/nowhere'], '/nowhere can not be read'],
    [['--mail-to', 'me@example.com'], 'Set CLOISTER_SMTP'],
    [['--webhook', 'example.com'], 'is no address of a webhook'],
  ])('with %s says what to do', async (words, message) => {
    const { exitCode, err } = await keep(...words)
    expect(exitCode).toBe(1)
    expect(err).toContain(message)
  })
})
