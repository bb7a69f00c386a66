import { expect, it } from 'vitest'
import { Remembered } from './remembered.ts'
import { Room } from './room.ts'
import { Standing } from './standing.ts'

it('leaves an endpoint alone that fails, each time for longer, until it answers', () => {
  let now = 0
  const standing = new Standing(() => now)
  const away: number[] = []
  for (let time = 0; time < 8; time++) {
    // What was under way together fails together.
    standing.failed()
    standing.failed()
    expect(standing.state).toBe('away')
    away.push(standing.backInMs)
    now += standing.backInMs
    expect(standing.state).toBe('ready')
  }
  expect(away).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  standing.answered(10)
  standing.failed()
  expect(standing.backInMs).toBe(1_000)
})

it('gives one that is busy its time, and not more than ten seconds of it', () => {
  let now = 0
  const standing = new Standing(() => now)
  standing.busy(3)
  expect([standing.state, standing.backInMs]).toEqual(['busy', 3_000])
  now = 3_000
  expect(standing.state).toBe('ready')
  standing.busy(9_999)
  expect(standing.backInMs).toBe(10_000)
})

it('tells whoever waits once its worker is silent, and nobody who has left', () => {
  const standing = new Standing()
  const told: string[] = []
  standing.watch(() => told.push('stays'))
  standing.watch(() => told.push('left'))()
  standing.silent()
  expect([told, standing.waiting, standing.state]).toEqual([['stays'], 1, 'away'])
})

it('counts what is under way once, however often its end is told', () => {
  const standing = new Standing()
  const end = standing.begin()
  standing.begin()
  end()
  end()
  expect(standing.underWay).toBe(1)
})

it('forgets what was heard of longest ago, and has no more room than there is', () => {
  const remembered = new Remembered<number>(2)
  remembered.set('a', 1)
  remembered.set('b', 2)
  remembered.get('a')
  remembered.set('c', 3)
  expect(['a', 'b', 'c'].map((key) => remembered.get(key))).toEqual([1, undefined, 3])
  expect(remembered.size).toBe(2)
  const room = new Room(10)
  expect([room.take(6), room.take(5), room.take(4), room.take(1)]).toEqual([true, false, true, false])
  room.giveBack(6)
  expect(room.take(6)).toBe(true)
})
