import { expect, it } from 'vitest'
import { Memo } from './memo.ts'

it('finds a value once for all who ask', async () => {
  let searches = 0
  const memo = new Memo(async () => ++searches)
  expect(await Promise.all([memo.get(), memo.get()])).toEqual([1, 1])
  expect(await memo.get()).toBe(1)
})

it('looks again after a search that failed', async () => {
  let searches = 0
  const memo = new Memo(async () => {
    if (++searches === 1) throw new Error('not yet')
    return searches
  })
  await expect(memo.get()).rejects.toThrow('not yet')
  expect(await memo.get()).toBe(2)
})

it('looks again for what it forgot', async () => {
  let searches = 0
  const memo = new Memo(async () => ++searches)
  await memo.get()
  memo.forget()
  expect(await memo.get()).toBe(2)
})

it('keeps what was set while a search failed', async () => {
  let fail = (_: Error) => {}
  const memo = new Memo(() => new Promise<string>((_, reject) => (fail = reject)))
  const asked = memo.get()
  memo.set('set')
  fail(new Error('too late'))
  await expect(asked).rejects.toThrow('too late')
  expect(await memo.get()).toBe('set')
})
