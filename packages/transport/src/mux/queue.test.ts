import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ByteQueue } from './queue.ts'

const KIB = 1024
const pattern = Buffer.from(Array.from({ length: 251 }, (_, index) => index))

it('gives bytes out in their order, however they come and go', () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 70 * KIB }))
  const step = fc.oneof(
    fc.record({ how: fc.constantFrom('add', 'text', 'move'), count: sizes }),
    fc.record({ how: fc.constantFrom('shift', 'shift', 'clear'), count: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new ByteQueue()
      let model = Buffer.alloc(0)
      let next = 0
      for (const { how, count } of steps) {
        if (how === 'add' || how === 'text') {
          const bytes = Buffer.alloc(count + 3, pattern.subarray(next++ % 200))
          queue.add(how === 'text' ? bytes.toString('latin1') : bytes, 3)
          model = Buffer.concat([model, bytes.subarray(3)])
          // What it was given is its giver's again.
          bytes.fill(255)
        } else if (how === 'move') {
          const part = Math.min(count, model.length)
          const target = Buffer.alloc(part + 2)
          queue.moveTo(target, 1, part)
          expect(
            target.equals(Buffer.concat([Buffer.alloc(1), model.subarray(0, part), Buffer.alloc(1)])),
          ).toBe(true)
          model = model.subarray(part)
        } else if (how === 'shift' && model.length > 0) {
          let piece = Buffer.alloc(0)
          queue.shift((there) => (piece = Buffer.from(there)))
          expect(piece.length).toBeGreaterThan(0)
          expect(piece.equals(model.subarray(0, piece.length))).toBe(true)
          model = model.subarray(piece.length)
        } else if (how === 'clear') {
          queue.clear()
          model = Buffer.alloc(0)
        }
        expect(queue.length).toBe(model.length)
      }
    }),
    { numRuns: 60 },
  )
})

it('has its bytes left alone while they are read, also where it is cleared meanwhile', () => {
  const queue = new ByteQueue()
  const other = new ByteQueue()
  queue.add(Buffer.alloc(20 * KIB, 'a'))
  queue.shift((piece) => {
    queue.clear()
    other.add(Buffer.alloc(200 * KIB, 'b'))
    expect(piece.equals(Buffer.alloc(20 * KIB, 'a'))).toBe(true)
  })
  expect([queue.length, other.length]).toEqual([0, 200 * KIB])
})
