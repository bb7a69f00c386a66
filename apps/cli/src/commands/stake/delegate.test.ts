import { delegate, getTokenBalance, redelegate } from '@cloister/chain'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { ACCOUNT, CLOI_TOKEN, fakeCloister, PROVIDER, printed, WORKER } from '../../testing.ts'
import { put } from './delegate.ts'
import { move } from './move.ts'
import { sharesFor } from './positions.ts'

const TRANSACTION = `0x${'1'.repeat(64)}` as const
const CLOI = 10n ** 18n

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(getTokenBalance).mockResolvedValue(1_000n * CLOI)
  vi.mocked(sharesFor).mockResolvedValue(7n)
  const receipt = { transactionHash: TRANSACTION } as Awaited<ReturnType<typeof redelegate>>
  vi.mocked(delegate).mockResolvedValue({ shares: 99n, receipt })
  vi.mocked(redelegate).mockResolvedValue(receipt)
})

describe('stake delegate', () => {
  it('says what it means before it sends, and asks', async () => {
    vi.mocked(confirm).mockImplementation(async () => {
      expect(delegate).not.toHaveBeenCalled()
      return true
    })
    const { out, err } = await printed(() => put(PROVIDER, '100', {}))
    expect(err).toMatch(/100 CLOI go into the pool of .* slashed, and leaving takes 21 days/)
    expect(delegate).toHaveBeenCalledWith(expect.anything(), PROVIDER, 100n * CLOI)
    expect(out).toContain('100 CLOI went into the pool')
  })

  it('sends nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    await expect(printed(() => put(PROVIDER, '100', {}))).rejects.toMatchObject({ code: 'cancelled' })
    expect(delegate).not.toHaveBeenCalled()
  })

  it.each([{ yes: true }, { json: true }])('asks nothing of a script (%o)', async (options) => {
    await printed(() => put(PROVIDER, '100', options))
    expect(confirm).not.toHaveBeenCalled()
    expect(delegate).toHaveBeenCalledOnce()
  })

  it('asks nothing where there is too little', async () => {
    vi.mocked(getTokenBalance).mockResolvedValue(99n * CLOI)
    await expect(printed(() => put(PROVIDER, '100', {}))).rejects.toMatchObject({
      code: 'no-funds',
      message: `${ACCOUNT} has 99 CLOI, less than 100.`,
    })
    expect(getTokenBalance).toHaveBeenCalledWith(expect.anything(), CLOI_TOKEN, ACCOUNT)
    expect(confirm).not.toHaveBeenCalled()
  })

  it('takes no mistyped address', async () => {
    const mistyped = `${PROVIDER.slice(0, -1)}9`
    await expect(printed(() => put(mistyped, '1', { yes: true }))).rejects.toThrow('mistyped')
  })
})

describe('stake move', () => {
  it('asks first, and sends nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    await expect(printed(() => move(PROVIDER, WORKER, '5', {}))).rejects.toMatchObject({ code: 'cancelled' })
    expect(redelegate).not.toHaveBeenCalled()
  })

  it('moves as many shares as an amount is worth', async () => {
    const { out } = await printed(() => move(PROVIDER, WORKER, '5', { yes: true }))
    expect(redelegate).toHaveBeenCalledWith(expect.anything(), PROVIDER, WORKER, 7n)
    expect(out).toContain(`Moved 5 CLOI from ${PROVIDER} to ${WORKER}`)
  })
})
