import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readServerSentEvents } from './events.ts'

const Said = z.object({ word: z.string() })

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(text: string, size = 7): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of readServerSentEvents(pieces(text, size), Said)) events.push(event)
  return events
}

describe('server-sent events', () => {
  it('are read whole, however their bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), fc.integer({ min: 1, max: 50 }), async (words, size) => {
        const said = words.map((word) => ({ word }))
        const text = said.map((event) => `id: 1\ndata: ${JSON.stringify(event)}\n\n`).join('')
        expect(await read(text, size)).toEqual(said)
      }),
    )
  })

  it('that are comments, are not JSON or have another shape are passed over', async () => {
    const text =
      ': still here\n\ndata: not JSON\n\ndata: {"other":1}\n\ndata: {"word":\ndata: "two lines"}\n\n'
    expect(await read(text)).toEqual([{ word: 'two lines' }])
  })

  it('that never end are given up', async () => {
    await expect(read(`data: ${'x'.repeat(1024 * 1024 + 8)}`, 65_536)).rejects.toThrow('too long')
  })
})
