import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FRAME, frameHead, readFrames } from './volume-frames.ts'

const kinds = fc.constantFrom(...Object.values(FRAME))
const frames = fc.array(fc.tuple(kinds, fc.uint8Array({ maxLength: 300 })), { maxLength: 20 })

/** A stream cut at places that `sizes` say, over and over. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const piece = bytes.slice(at, at + (sizes[turn % sizes.length] ?? 1))
    yield piece
    at += piece.length
    // Whoever gives pieces may use their memory again.
    piece.fill(0xff)
  }
}

function streamOf(given: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  return Buffer.concat(given.flatMap(([kind, payload]) => [frameHead(kind, payload.length), payload]))
}

async function all(source: AsyncIterable<Uint8Array>): Promise<[number, string][]> {
  const found: [number, string][] = []
  for await (const { kind, payload } of readFrames(source))
    found.push([kind, Buffer.from(payload).toString('hex')])
  return found
}

it('frames are what was written, however a stream is cut', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(frames, sizes, async (given, cuts) => {
      const expected = given.map(([kind, payload]) => [kind, Buffer.from(payload).toString('hex')])
      expect(await all(cut(streamOf(given), cuts))).toEqual(expected)
    }),
  )
})

it.each([
  ['ends within a frame', streamOf([[FRAME.block, new Uint8Array(9)]]).slice(0, -1)],
  ['ends within a head', streamOf([[FRAME.end, new Uint8Array()]]).slice(0, 3)],
  ['has a kind that nobody knows', streamOf([[9, new Uint8Array(2)]])],
  ['says more than a frame has', frameHead(FRAME.block, 2 ** 30)],
])('a stream that %s is refused', async (_, bytes) => {
  for (const size of [1, 4, 1000])
    await expect(all(cut(bytes, [size]))).rejects.toThrow('no stream of blocks')
})
