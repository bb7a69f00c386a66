import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { merge, streamOf } from './streams.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const MIB = 1024 * 1024

async function* of<T>(...values: T[]): AsyncGenerator<T> {
  yield* values
}
async function* silent<T>(): AsyncGenerator<T> {
  await new Promise(() => {})
}

it('merges sources, also those that come later, and ends with the last of them or with what one of them throws', async () => {
  const seen: string[] = []
  for await (const value of merge(of<AsyncIterable<string>>(of('a', 'b'), of<string>(), of('c'))))
    seen.push(value)
  expect(seen.sort()).toEqual(['a', 'b', 'c'])
  const broken = (async function* () {
    yield 'first'
    throw new Error('broken')
  })()
  const all = (async () => {
    for await (const value of merge(of<AsyncIterable<string>>(broken, silent<string>()))) seen.push(value)
  })()
  await expect(all).rejects.toThrow('broken')
  expect(seen).toContain('first')
})

it('keeps nothing of what went by while another source is silent', async () => {
  async function* many() {
    for (let i = 0; i < 20_000; i++) yield `${i}`.repeat(1_000)
  }
  collect()
  const before = process.memoryUsage().heapUsed
  let count = 0
  for await (const _ of merge(of<AsyncGenerator<string>>(silent(), many()))) if (++count === 20_000) break
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * MIB)
})

it('tells a source that waits for its reader when that one leaves', async () => {
  let ended = false
  async function* source() {
    try {
      for (;;) yield 'x'.repeat(1_000)
    } finally {
      ended = true
    }
  }
  const reader = streamOf(source(), () => {}).getReader()
  await reader.read()
  await reader.cancel()
  expect(ended).toBe(true)
})
