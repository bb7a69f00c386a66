import { expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { findLease } from './lease.ts'

const ONE = `0x${'ab'.repeat(32)}`
const OTHER = `0x${'cd'.repeat(32)}`
/** Ours, of an index that answers every question with the same lease. */
const asking = (lease: string, name?: string) =>
  ({ index: { lease: async () => ({ lease, name }) }, wallet: undefined }) as unknown as Cloister

it('takes no other lease than was asked for from an index', async () => {
  for (const key of [ONE, ONE.slice(2), ONE.slice(2, 18), ONE.toUpperCase().replace('0X', '0x')])
    expect(await findLease(asking(ONE, 'shop'), key)).toMatchObject({ lease: ONE })
  expect(await findLease(asking(ONE, 'shop'), 'shop')).toMatchObject({ lease: ONE })
  for (const key of [ONE, ONE.slice(2), ONE.slice(2, 18), 'shop'])
    await expect(findLease(asking(OTHER, 'store'), key), key).rejects.toMatchObject({ code: 'bad-answer' })
})
