import { expect, it } from 'vitest'
import { Room } from './room.ts'

it('answers have no more room together than there is, and give back what they had, once', () => {
  const room = new Room(100)
  const [one, other] = [room.open(), room.open()]
  expect([one.take(60), other.take(50), other.take(40), one.take(1)]).toEqual([true, false, true, false])
  one.close()
  one.close()
  expect([other.take(60), other.take(1)]).toEqual([true, false])
})
