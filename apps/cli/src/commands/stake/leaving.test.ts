import {
  cancelExit,
  claimRewards,
  getClaimable,
  getPosition,
  reportContradiction,
  reportRefusal,
  requestExit,
  withdrawExit,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { leases, stake } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  CLOI,
  fakeCloister,
  folderWith,
  LEASE,
  PROVIDER,
  TRANSACTION,
  typing,
  WORKER,
} from '../../testing.ts'
import { addStake } from './commands.ts'

const NOW = 1_900_000_000

const { run, runJson } = typing(addStake, 'stake')
const exit = (id: string, readyAt: number) => ({
  id,
  provider: PROVIDER,
  worth: (50n * CLOI).toString(),
  readyAt,
  state: 'waiting',
})

/** What the index says that the account has staked and has leaving. */
let delegations: object[]
let exits: object[]

beforeEach(() => {
  delegations = [{ provider: PROVIDER, worth: (100n * CLOI).toString(), claimed: '0', since: NOW }]
  exits = []
  const index = {
    delegations: async () => ({ items: delegations }),
    exits: async () => ({ items: exits }),
    pools: async () => [{ provider: PROVIDER, yields: { current: 0.12 } }],
    providers: async () => [{ provider: WORKER }],
  }
  const client = { getBlock: async () => ({ timestamp: BigInt(NOW) }) }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index, client }))
  vi.mocked(getPosition).mockResolvedValue({ shares: 1_000n, worth: 100n * CLOI })
  vi.mocked(getClaimable).mockImplementation(async (_, provider) => (provider === PROVIDER ? 3n * CLOI : 0n))
})

describe('stake exit', () => {
  beforeEach(() => {
    vi.mocked(requestExit).mockResolvedValue({ id: 3n, amount: 50n * CLOI, readyAt: NOW })
  })

  it('leaves with the shares that an amount is worth, or with all', async () => {
    const { out } = await run('exit', PROVIDER, '50')
    expect(out).toContain(`50 CLOI are leaving the pool of ${PROVIDER} (exit 3).`)
    expect(out).toContain('ready 2030-03-17 17:46:40 UTC')
    expect(out).toContain('Stay after all: cloister stake cancel 3')
    await run('exit', PROVIDER)
    expect(vi.mocked(requestExit).mock.calls.map(([, , shares]) => shares)).toEqual([500n, 1_000n])
    expect((await runJson('exit', PROVIDER)).json).toMatchObject({
      id: '3',
      provider: PROVIDER,
      shares: '1000',
    })
  })

  it('knows a provider by the beginning of its address, where it is the only one', async () => {
    await run('exit', PROVIDER.slice(0, 8))
    expect(vi.mocked(requestExit).mock.calls[0]?.[1]).toBe(PROVIDER)
    for (const [text, message] of [
      ['0x123456', "No provider's address begins with 0x123456."],
      ['alice', 'alice is not an address, nor the beginning of one.'],
    ] as const) {
      const { err, exitCode } = await run('exit', text)
      expect(err).toContain(`✘ ${message}`)
      expect(exitCode).toBe(1)
    }
  })

  it('leaves with no more than there is', async () => {
    expect((await run('exit', PROVIDER, '100.5')).err).toBe(
      '✘ The stake there is worth 100 CLOI, less than 100.5.\n',
    )
    vi.mocked(getPosition).mockResolvedValue({ shares: 0n, worth: 0n })
    const { err, exitCode } = await run('exit', PROVIDER)
    expect(err).toBe(
      `✘ ${ACCOUNT} has no stake in the pool of ${PROVIDER}.\n  See yours: cloister stake rewards\n`,
    )
    expect(exitCode).toBe(1)
    expect(requestExit).not.toHaveBeenCalled()
  })
})

describe('stake cancel', () => {
  it('takes the number of an exit', async () => {
    const receipt = { transactionHash: TRANSACTION } as Awaited<ReturnType<typeof cancelExit>>
    vi.mocked(cancelExit).mockResolvedValue(receipt)
    expect((await run('cancel', '3')).out).toBe(
      'Exit 3 is cancelled: what was left of it is active stake again.\n',
    )
    expect((await runJson('cancel', '3')).json).toEqual({ id: '3', transaction: TRANSACTION })
    expect((await run('cancel', 'all')).err).toBe('✘ all is not the number of an exit.\n')
    expect(cancelExit).toHaveBeenCalledTimes(2)
  })
})

describe('stake withdraw', () => {
  beforeEach(() => void vi.mocked(withdrawExit).mockResolvedValue(50n * CLOI))

  it('takes out what is ready, or the one that is named', async () => {
    exits = [exit('3', NOW), exit('4', NOW + 1)]
    expect((await run('withdraw')).out).toBe('Withdrew 50 CLOI (exit 3).\n')
    expect((await run('withdraw', '4')).out).toBe('Withdrew 50 CLOI (exit 4).\n')
    expect((await runJson('withdraw')).json).toEqual([{ id: '3', amount: (50n * CLOI).toString() }])
  })

  it('says when the next one is ready, and how to begin', async () => {
    exits = [exit('4', NOW + 7_200)]
    expect((await run('withdraw')).out).toBe('Nothing is ready. Exit 4, 50 CLOI, is in 2h.\n')
    exits = []
    expect((await run('withdraw')).out).toBe('Nothing is leaving. Begin with: cloister stake exit PROVIDER\n')
    expect(withdrawExit).not.toHaveBeenCalled()
  })
})

describe('stake rewards and claim', () => {
  it('show what is staked, leaving and to claim', async () => {
    exits = [exit('4', NOW)]
    const { out } = await run('rewards')
    expect(out).toMatch(new RegExp(`${PROVIDER} +100 CLOI +3 CLOI +0 CLOI +12\\.0%`))
    expect(out).toMatch(/Leaving:\nexit .*\n4 .* 50 CLOI +2030-03-17/)
    expect(out).toContain('3 CLOI to claim: cloister stake claim')
    expect((await runJson('rewards')).json).toMatchObject({
      account: ACCOUNT,
      claimable: (3n * CLOI).toString(),
      exits: [{ id: '4' }],
    })
  })

  it('pay out in the pools that have something', async () => {
    vi.mocked(claimRewards).mockResolvedValue(3n * CLOI)
    expect((await run('claim')).out).toBe(`Paid 3 CLOI to ${ACCOUNT}.\n`)
    expect(vi.mocked(claimRewards).mock.calls[0]?.[1]).toEqual([
      { provider: PROVIDER, account: ACCOUNT, amount: 3n * CLOI },
    ])
  })

  it('say that there is nothing', async () => {
    delegations = []
    expect((await run('rewards')).out).toContain('has staked nothing. See who there is: cloister stake pools')
    expect((await run('claim', '--of', WORKER)).out).toBe(`There is nothing to claim for ${WORKER}.\n`)
    expect((await run('claim', '--of', 'me')).err).toBe('✘ me is not an address.\n')
    expect(claimRewards).not.toHaveBeenCalled()
  })
})

describe('stake report', () => {
  const reported = { taken: 10n * CLOI, reward: CLOI, transaction: TRANSACTION }

  it('reports a refused lease, or two files that contradict each other', async () => {
    const record = { lease: LEASE } as Awaited<ReturnType<typeof leases.findLease>>
    vi.mocked(leases.findLease).mockResolvedValue(record)
    vi.mocked(reportRefusal).mockResolvedValue(reported)
    vi.mocked(reportContradiction).mockResolvedValue(reported)
    const { out } = await run('report', '7f3a')
    expect(out).toMatch(new RegExp(`taken +10 CLOI of the provider’s pool\nreward +1 CLOI for ${ACCOUNT}\n`))
    const folder = folderWith({ a: '{"a":1}', b: '{"b":2}' })
    await run('report', `${folder}/a`, `${folder}/b`)
    expect(vi.mocked(reportContradiction).mock.calls[0]?.slice(1)).toEqual([{ a: 1 }, { b: 2 }])
    const broken = await run('report', `${folder}/a`, '/nowhere')
    expect(broken.err).toBe('✘ /nowhere can not be read as JSON.\n')
    expect(broken.exitCode).toBe(1)
  })

  it('says what the contract says', async () => {
    const record = { lease: LEASE } as Awaited<ReturnType<typeof leases.findLease>>
    vi.mocked(leases.findLease).mockResolvedValue(record)
    vi.mocked(reportRefusal).mockRejectedValue(new CloisterError('reverted', 'The lease was not refused.'))
    expect(await run('report', '7f3a')).toMatchObject({ err: '✘ The lease was not refused.\n', exitCode: 1 })
  })
})

describe('stake audit', () => {
  it('ends with 1 where a figure does not agree, and names it', async () => {
    const checks = [
      { what: 'pools', figures: 6, wrong: [] },
      { what: 'positions', figures: 9, wrong: ['shares of 0x1: 3, not 4'] },
    ]
    vi.mocked(stake.audit).mockResolvedValue({ block: 7n, checks } as unknown as Awaited<
      ReturnType<typeof stake.audit>
    >)
    const { out, exitCode } = await run('audit')
    expect(out).toMatch(/pools +6 +agree\npositions +9 +1 do not\n✘ shares of 0x1: 3, not 4\nAt block 7/)
    expect(exitCode).toBe(1)
    expect((await runJson('audit')).exitCode).toBe(1)
    vi.mocked(stake.audit).mockResolvedValue({ block: 7n, checks: [] })
    expect((await run('audit')).exitCode).toBe(0)
  })
})
