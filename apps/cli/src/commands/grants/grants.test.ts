import type { CommunityPool, Grant } from '@cloister/chain'
import { grants } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { CLOI, CLOI_TOKEN, fakeCloister, PROVIDER, TRANSACTION, typing, USDC } from '../../testing.ts'
import { addGrants } from './commands.ts'

const { run, runJson } = typing(addGrants, 'grants')
const DAY = 86_400
const CONFIRMED = 1_900_000_000
/** A grant with a milestone in each state: streams, was reached, waits, went back. */
const GRANT: Grant = {
  id: 3,
  grantee: PROVIDER,
  token: CLOI_TOKEN,
  content: `0x${'c0'.repeat(32)}`,
  isCancelled: false,
  milestones: [
    {
      amount: 300n,
      paid: 100n,
      withdrawable: 50n,
      due: CONFIRMED,
      duration: 10 * DAY,
      confirmedAt: CONFIRMED,
    },
    { amount: 200n, paid: 200n, withdrawable: 0n, due: CONFIRMED, duration: 0, confirmedAt: CONFIRMED },
    { amount: 500n, paid: 0n, withdrawable: 0n, due: CONFIRMED + DAY, duration: DAY, confirmedAt: 0 },
    { amount: 0n, paid: 0n, withdrawable: 0n, due: CONFIRMED, duration: DAY, confirmedAt: 0 },
  ].map(({ amount, paid, withdrawable, ...times }) => ({
    amount: amount * CLOI,
    paid: paid * CLOI,
    withdrawable: withdrawable * CLOI,
    ...times,
  })),
}
const MILESTONE = {
  amount: 12_500_000n,
  paid: 0n,
  withdrawable: 0n,
  due: CONFIRMED,
  duration: DAY,
  confirmedAt: 0,
}
const POOL: CommunityPool = {
  shareBps: 1_000,
  tokens: [
    {
      symbol: 'CLOI',
      token: CLOI_TOKEN,
      free: 70n * CLOI,
      reserved: 20n * CLOI,
      granted: 35n * CLOI,
      paid: 10n * CLOI,
      returned: 5n * CLOI,
      income: 95n * CLOI,
      waiting: 3n * CLOI,
    },
  ],
}

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(confirm).mockResolvedValue(true)
})

describe('cloister grants', () => {
  it('lists grants with what was paid and what can be taken', async () => {
    vi.mocked(grants.list).mockResolvedValue([GRANT, { ...GRANT, id: 4, isCancelled: true }])
    const { out } = await run('list')
    expect(out).toMatch(/3 +0x7099\S+ +1,?000 CLOI +300 CLOI +50 CLOI +2 of 4 confirmed\n/)
    expect(out).toMatch(/4 .*2 of 4 confirmed, cancelled/)
    expect((await runJson('list')).json.grants).toHaveLength(2)
    vi.mocked(grants.list).mockResolvedValue([])
    expect((await run('list')).out).toMatch(/No ballot has given a grant yet/)
  })

  it('shows a grant with what stands of each milestone', async () => {
    vi.mocked(grants.find).mockResolvedValue(GRANT)
    const { out } = await run('show', '3')
    expect(out).toMatch(/^Grant 3 to 0x7099/)
    expect(out).toMatch(/0 +300 CLOI +100 CLOI +50 CLOI +streams until 2030-03-27/)
    expect(out).toMatch(/1 .*reached 2030-03-17[\s\S]*2 .*to be confirmed by 2030-03-18[\s\S]*3 .*went back/)
    expect(grants.find).toHaveBeenCalledWith(expect.anything(), 3)
    expect((await runJson('show', '3')).json).toMatchObject({ id: 3, grantee: PROVIDER })
    expect((await run('show', '3.5')).err).toMatch(/3\.5 is no number of a grant/)
  })

  it('shows an amount in the token that the grant is paid in', async () => {
    vi.mocked(grants.find).mockResolvedValue({ ...GRANT, token: USDC, milestones: [MILESTONE] })
    expect((await run('show', '3')).out).toMatch(/0 +12\.5 USDC +0 USDC/)
  })

  it('shows what the pool has of each token, and its share', async () => {
    vi.mocked(grants.pool).mockResolvedValue(POOL)
    const { out } = await run('pool')
    expect(out).toMatch(/share +10\.0% of fees/)
    expect(out).toMatch(/CLOI +70 CLOI +20 CLOI +10 CLOI +5 CLOI +95 CLOI +3 CLOI/)
    expect((await runJson('pool')).json).toMatchObject({ shareBps: 1_000, tokens: [{ symbol: 'CLOI' }] })
  })

  it('has income collected and divided, once that is agreed', async () => {
    vi.mocked(grants.collect).mockResolvedValue([TRANSACTION])
    expect((await run('collect')).out).toContain(`Collected and divided, by ${TRANSACTION}.`)
    expect((await runJson('collect')).json).toEqual({ transactions: [TRANSACTION] })
    vi.mocked(confirm).mockResolvedValueOnce(false)
    expect((await run('collect')).err).toMatch(/Nothing was sent/)
    expect(grants.collect).toHaveBeenCalledTimes(2)
  })

  it('pays what has streamed, and gives back what nobody confirmed, once that is agreed', async () => {
    for (const [word, step, done] of [
      ['withdraw', grants.withdraw, 'Paid'],
      ['send-back', grants.sendBack, 'Given back'],
    ] as const) {
      vi.mocked(step).mockResolvedValue([TRANSACTION])
      expect((await run(word, '3')).out).toContain(`${done}, by ${TRANSACTION}.`)
      expect((await runJson(word, '3')).json).toEqual({ grant: 3, transactions: [TRANSACTION] })
      vi.mocked(confirm).mockResolvedValueOnce(false)
      expect((await run(word, '3')).err).toMatch(/Nothing was sent/)
      expect(step).toHaveBeenCalledTimes(2)
    }
  })
})
