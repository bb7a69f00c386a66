import { getCredit, getTokenBalance, withdrawCredit } from '@cloister/chain'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { ACCOUNT, fakeCloister, TRANSACTION, typing, USDC } from '../../testing.ts'
import { addWallet } from './commands.ts'

const { run, runJson } = typing(addWallet, 'wallet')

beforeEach(() => {
  const chain = { client: { getBalance: async () => 15n * 10n ** 17n } }
  vi.mocked(connect).mockReturnValue(fakeCloister({ chain }))
  vi.mocked(getTokenBalance).mockResolvedValue(0n)
  vi.mocked(getCredit).mockImplementation(async (_, __, token) => (token === USDC ? 2_500_000n : 0n))
  const receipt = { transactionHash: TRANSACTION } as Awaited<ReturnType<typeof withdrawCredit>>
  vi.mocked(withdrawCredit).mockResolvedValue(receipt)
})

describe('wallet balance', () => {
  it('shows each token, and what waits to be withdrawn', async () => {
    const { out } = await run('balance')
    expect(out).toMatch(/ETH +1\.5\n/)
    expect(out).toMatch(/CLOI +0\n/)
    expect(out).toMatch(/USDC +0 and 2\.5 to withdraw/)
  })

  it('gives programs base units', async () => {
    const { account, balances } = (await runJson('balance')).json
    expect(account).toBe(ACCOUNT)
    expect(balances).toMatchObject([
      { symbol: 'CLOI', balance: '0' },
      { symbol: 'USDC', credit: '2500000', decimals: 6 },
    ])
  })
})

describe('wallet withdraw', () => {
  it('sends one transaction for each token of which something waits, and no other', async () => {
    const { out } = await run('withdraw')
    expect(vi.mocked(withdrawCredit).mock.calls.map(([, token]) => token)).toEqual([USDC])
    expect(out).toBe('Withdrew 2.5 USDC.\n')
  })

  it('sends nothing where nothing waits', async () => {
    vi.mocked(getCredit).mockResolvedValue(0n)
    expect((await run('withdraw')).out).toBe('There is nothing to withdraw.\n')
    expect(withdrawCredit).not.toHaveBeenCalled()
  })
})
