import { delegate, getTokenBalance, readFeePrices, redelegate } from '@cloister/chain'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  CLOI,
  CLOI_TOKEN,
  fakeCloister,
  LAYER2_PRICES,
  PROVIDER,
  TRANSACTION,
  typed,
  typing,
  WORKER,
} from '../../testing.ts'
import { addStake } from './commands.ts'
import { sharesFor } from './positions.ts'

const { run: delegating } = typing(addStake, 'stake', 'delegate', PROVIDER)
const { run: moving } = typing(addStake, 'stake', 'move', PROVIDER, WORKER)

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
    const { out, err } = await delegating('100')
    expect(err).toMatch(/100 CLOI go into the pool of .* slashed, and leaving takes 21 days/)
    expect(delegate).toHaveBeenCalledWith(expect.anything(), PROVIDER, 100n * CLOI)
    expect(out).toContain('100 CLOI went into the pool')
  })

  it('sends nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    expect(await delegating('100')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/✘ Nothing was delegated\.\n$/),
    })
    expect(delegate).not.toHaveBeenCalled()
  })

  it.each(['--yes', '--json'])('asks nothing of a script (%s)', async (option) => {
    expect(await delegating('100', option)).toMatchObject({ exitCode: 0 })
    expect(confirm).not.toHaveBeenCalled()
    expect(delegate).toHaveBeenCalledOnce()
  })

  it('asks nothing where there is too little', async () => {
    vi.mocked(getTokenBalance).mockResolvedValue(99n * CLOI)
    const { err, exitCode } = await delegating('100')
    expect(err).toContain(`✘ ${ACCOUNT} has 99 CLOI, less than 100.`)
    expect(exitCode).toBe(1)
    expect(getTokenBalance).toHaveBeenCalledWith(expect.anything(), CLOI_TOKEN, ACCOUNT)
    expect(confirm).not.toHaveBeenCalled()
  })

  it('says what it costs on a layer 2 before it asks, and tells programs in wei', async () => {
    vi.mocked(readFeePrices).mockResolvedValue(LAYER2_PRICES)
    vi.mocked(confirm).mockResolvedValue(true)
    expect((await delegating('100')).err).toMatch(
      /leaving takes 21 days\.\nThe transaction costs about [\d.]+ ETH: .* for its data on layer 1/,
    )
    const { cost } = JSON.parse((await delegating('100', '--json')).out)
    expect(cost).toMatchObject({ operator: '5', execution: String(BigInt(cost.gas) * 1_000_000n) })
    expect(BigInt(cost.total)).toBe(BigInt(cost.execution) + BigInt(cost.data) + 5n)
    vi.mocked(readFeePrices).mockResolvedValue({ gasPrice: 1n })
    expect((await delegating('100')).err).not.toContain('costs')
    expect(JSON.parse((await delegating('100', '--json')).out)).not.toHaveProperty('cost')
  })

  it('takes no mistyped address', async () => {
    const mistyped = `${PROVIDER.slice(0, -1)}9`
    const { err, exitCode } = await typed(addStake, 'stake', 'delegate', mistyped, '1', '--yes')
    expect(err).toContain('mistyped')
    expect(exitCode).toBe(1)
  })
})

describe('stake move', () => {
  it('asks first, and sends nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    expect(await moving('5')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/✘ Nothing was moved\.\n$/),
    })
    expect(redelegate).not.toHaveBeenCalled()
  })

  it('moves as many shares as an amount is worth', async () => {
    const { out } = await moving('5', '--yes')
    expect(redelegate).toHaveBeenCalledWith(expect.anything(), PROVIDER, WORKER, 7n)
    expect(out).toContain(`Moved 5 CLOI from ${PROVIDER} to ${WORKER}`)
  })
})
