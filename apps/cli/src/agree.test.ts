import type { CheckedBid } from '@cloister/sdk'
import { expect, it } from 'vitest'
import { agreement } from './agree.ts'

const [first, second] = [{ lease: '0x01' }, { lease: '0x02' }] as unknown as [CheckedBid, CheckedBid]

it('a script is asked nothing, and agrees to nothing by that', () => {
  const never = () => Promise.reject(new Error('asked'))
  for (const options of [{ yes: true }, { json: true }, { yes: true, json: true }])
    expect(agreement(options, first, never)).toBeUndefined()
})

it('a person is asked about every bid but the one that was agreed to, with what it takes', async () => {
  const asked: [CheckedBid, bigint][] = []
  const answers = [true, false]
  const agree = agreement({}, first, async (chosen, deposit) => {
    asked.push([chosen, deposit])
    return answers.shift() ?? false
  })
  expect(await agree?.(first, 1n)).toBe(true)
  expect(asked).toEqual([])
  expect([await agree?.(second, 5n), await agree?.(second, 7n)]).toEqual([true, false])
  expect(asked).toEqual([
    [second, 5n],
    [second, 7n],
  ])
})
