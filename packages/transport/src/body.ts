import { CloisterError } from '@cloister/core'

/** A body as it is read: not every browser lets a stream be iterated. */
export type Body = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

/** The pieces of a body, one after the other. Whoever stops early cancels it. */
export async function* piecesOf(body: Body): AsyncGenerator<Uint8Array> {
  if (!('getReader' in body)) return yield* body
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/**
 * Reads a body to its end. Throws `too-large` for one of more than `maxBytes`, which is read no further, and
 * what the stream throws where it breaks off.
 */
export async function readBody(body: Body | null | undefined, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ? piecesOf(body) : []) {
    size += chunk.length
    if (size > maxBytes) throw new CloisterError('too-large', `An answer has at most ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** The same as text (UTF-8). */
export async function readText(body: Body | null | undefined, maxBytes: number): Promise<string> {
  return new TextDecoder().decode(await readBody(body, maxBytes))
}
