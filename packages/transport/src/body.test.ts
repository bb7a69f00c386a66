import { describe, expect, it, vi } from 'vitest'
import { readBody, readText } from './body.ts'

const chunksOf = (...texts: string[]) => texts.map((text) => new TextEncoder().encode(text))

async function* stream(chunks: Uint8Array[], ended = () => {}): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } finally {
    ended()
  }
}

describe('a body', () => {
  it('is read to its end, whatever its pieces are', async () => {
    const [whole] = chunksOf('grün, ☂')
    const pieces = Array.from(whole ?? [], (byte) => Uint8Array.of(byte))
    expect(await readText(stream(pieces), 100)).toBe('grün, ☂')
    expect(await readBody(null, 0)).toHaveLength(0)
    expect(await readText(new Response('whole').body, 5)).toBe('whole')
  })

  it('of more bytes than allowed is refused, and read no further', async () => {
    const ended = vi.fn()
    const endless = (async function* () {
      try {
        for (;;) yield new Uint8Array(10)
      } finally {
        ended()
      }
    })()
    await expect(readBody(endless, 25)).rejects.toMatchObject({ code: 'too-large' })
    expect(ended).toHaveBeenCalled()
  })

  it('that breaks off is an error of whoever broke it', async () => {
    const broken = (async function* () {
      yield* chunksOf('half')
      throw new Error('gone')
    })()
    await expect(readText(broken, 100)).rejects.toThrow('gone')
  })
})
