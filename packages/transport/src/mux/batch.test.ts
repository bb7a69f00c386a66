import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Batch } from './batch.ts'
import { CREDIT, DATA, END, FrameReader } from './frame.ts'
import { ByteQueue } from './queue.ts'

it('is read as what was put into it, as far as there was room', () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 80_000 }))
  const step = fc.record({
    how: fc.constantFrom('bytes', 'text', 'move', 'end', 'credit'),
    stream: fc.integer({ min: 1, max: 3 }),
    size,
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const batch = new Batch()
      const expected: unknown[] = []
      const sent = (stream: number, text: string) => {
        const last = expected.at(-1) as unknown[] | undefined
        if (last?.[0] === DATA && last[1] === stream) last[2] += text
        else if (text !== '') expected.push([DATA, stream, text])
      }
      for (const [index, { how, stream, size }] of steps.entries()) {
        const text = String.fromCharCode(97 + index).repeat(size)
        if (how === 'end' || how === 'credit') {
          const kind = how === 'end' ? END : CREDIT
          if (batch.control({ kind, stream, value: size }))
            expected.push([kind, stream, how === 'end' ? 0 : size])
        } else if (how === 'move') {
          const queue = new ByteQueue()
          queue.add(text)
          const moved = batch.move(stream, queue, size)
          expect(queue.length).toBe(size - moved)
          sent(stream, text.slice(0, moved))
        } else {
          const most = Math.ceil(size / 2)
          const taken = batch.data(stream, how === 'text' ? text : Buffer.from(text), most)
          expect(taken).toBeLessThanOrEqual(most)
          sent(stream, text.slice(0, taken))
        }
      }
      expect(readBack(batch)).toEqual(expected)
      expect(batch.isEmpty).toBe(true)
    }),
    { numRuns: 100 },
  )
})

function readBack(batch: Batch): unknown[] {
  const told: unknown[][] = []
  const reader = new FrameReader({
    data: (stream, piece) => {
      const last = told.at(-1)
      if (last?.[0] === DATA && last[1] === stream) last[2] += piece.toString()
      else told.push([DATA, stream, piece.toString()])
    },
    control: (kind, stream, value) => told.push([kind, stream, value]),
  })
  const write = (chunk: Buffer, _: BufferEncoding, done: () => void) => {
    reader.read(chunk)
    done()
  }
  batch.writeTo(new Duplex({ write, read() {} }))
  return told
}
