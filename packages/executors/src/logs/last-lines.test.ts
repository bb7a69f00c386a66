import { expect, it } from 'vitest'
import { LastLines, MAX_TAIL_CHARACTERS } from './last-lines.ts'

const line = (text: string) => ({ time: 0, stream: 'stdout' as const, text })

it('keeps as many lines as are wanted', () => {
  const last = new LastLines(3)
  for (let i = 0; i < 10_000; i++) last.push(line(`${i}`))
  expect(last.all().map(({ text }) => text)).toEqual(['9997', '9998', '9999'])
  const none = new LastLines(0)
  none.push(line('x'))
  expect(none.all()).toEqual([])
})

it('keeps not more characters than a reader may make us keep, and always the last line', () => {
  const last = new LastLines(Number.POSITIVE_INFINITY)
  for (let i = 0; i < 2_000; i++) last.push(line('x'.repeat(16 * 1024)))
  expect(last.all()).toHaveLength(MAX_TAIL_CHARACTERS / (16 * 1024))
  last.push(line('y'.repeat(2 * MAX_TAIL_CHARACTERS)))
  expect(last.all().map(({ text }) => text[0])).toEqual(['y'])
})
