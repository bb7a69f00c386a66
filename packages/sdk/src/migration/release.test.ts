import { releaseLeaf } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Leaves } from '@cloister/migration'
import { beforeEach, expect, it, vi } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { release } from './release.ts'
import { status } from './status.ts'

vi.mock('@cloister/chain', async (original) => ({ ...(await original<object>()), releaseLeaf: vi.fn() }))
vi.mock('./status.ts', () => ({ status: vi.fn() }))

const ACCOUNT = `0x${'11'.repeat(32)}` as const
const TO = `0x${'22'.repeat(20)}` as const
const cloister = { wallet: {} } as Cloister
const leaves = { tree: { proofOf: () => [] } } as unknown as Leaves
const nothing = new CloisterError('reverted', 'ZeroAmount')

beforeEach(() => {
  const leaf = { account: ACCOUNT, amount: 10n, vestsFrom: 5, isClaimed: true, to: TO, paid: 0n }
  const own = [3, 7, 9].map((index) => ({ ...leaf, vestsUntil: 10 * index, index }))
  vi.mocked(status).mockResolvedValue({ leaves: own } as never)
})

it('pays what has vested of each part, though nothing of one before it has', async () => {
  vi.mocked(releaseLeaf)
    .mockRejectedValueOnce(nothing)
    .mockResolvedValueOnce('0x01')
    .mockResolvedValueOnce('0x02')
  expect(await release(cloister, leaves, ACCOUNT)).toEqual(['0x01', '0x02'])
})

it('says so where nothing of any has, and stops where the chain is away', async () => {
  vi.mocked(releaseLeaf).mockRejectedValue(nothing)
  await expect(release(cloister, leaves, ACCOUNT)).rejects.toThrow('ZeroAmount')
  vi.mocked(releaseLeaf).mockClear().mockRejectedValue(new CloisterError('unreachable', 'no answer'))
  await expect(release(cloister, leaves, ACCOUNT)).rejects.toThrow('no answer')
  expect(releaseLeaf).toHaveBeenCalledOnce()
})
