import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { CLOI, CLOI_TOKEN, fakeCloister, PROVIDER, typing, USDC, WORKER } from '../../testing.ts'
import { addStake } from './commands.ts'

const DAY = 86_400
const { run: shown } = typing(addStake, 'stake', 'pools')

function pool(changes: object = {}) {
  return {
    provider: PROVIDER,
    stake: (2_000n * CLOI).toString(),
    own: (500n * CLOI).toString(),
    commissionBps: 1000,
    delegators: 3,
    weight: 25,
    totalWeight: 100,
    slashed: '0',
    yields: { current: 0.12, trailing: 0.1, trailingSeconds: 30 * DAY },
    ...changes,
  }
}

function withPools(...pools: object[]) {
  const fees = [
    { token: USDC, amount: '1500000' },
    { token: CLOI_TOKEN, amount: (2n * CLOI).toString() },
  ]
  const periods = [{ period: 0, from: 1_900_000_000, emitted: (7n * CLOI).toString(), fees }]
  const providers = [{ provider: PROVIDER, coveredWorkers: 1, workers: 2 }]
  const index = {
    pools: async () => pools,
    totals: async () => ({ staked: '0', periods }),
    providers: async () => providers,
  }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
}

beforeEach(() => withPools(pool()))

describe('stake pools', () => {
  it('shows stake, commission and yields of each, and emission beside fees', async () => {
    const { out, err } = await shown()
    expect(out).toMatch(/1 of 2 up +2,?000 CLOI +25\.0% +10% +3 +2\.5 of 10 +10\.0% +12\.0% +–/)
    expect(out).toMatch(/1 +2030-03-17 +7 CLOI +1\.5 USDC, 2 CLOI/)
    expect(err).not.toContain('times')
  })

  it('explains a yield of many times over', async () => {
    withPools(pool({ yields: { current: 10_139, trailingSeconds: 0 } }))
    const { out, err } = await shown()
    expect(out).toMatch(/– +10,139 times/)
    expect(err).toMatch(/10,139 times: .*little is staked/)
  })

  it('says from when a commission will be another one', async () => {
    withPools(pool({ nextCommission: { bps: 2000, from: 1_900_000_000 } }))
    expect((await shown()).out).toContain('10% (20% from 2030-03-17)')
  })

  it('shows those with most stake, and says how many more there are', async () => {
    withPools(...Array.from({ length: 30 }, () => pool({ provider: WORKER })))
    const few = await shown()
    expect(few.out.match(new RegExp(WORKER, 'g'))).toHaveLength(25)
    expect(few.out).toContain('5 more, with less stake: cloister stake pools --all')
    expect((await shown('--all')).out.match(new RegExp(WORKER, 'g'))).toHaveLength(30)
  })

  it('says how to begin where nobody has staked', async () => {
    withPools()
    expect((await shown()).out).toContain('cloister stake delegate PROVIDER AMOUNT')
  })
})
