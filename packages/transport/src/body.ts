import { CloisterError } from '@cloister/core'

/**
 * Reads a body to its end. Throws `too-large` for one of more than `maxBytes`, which is read no further, and
 * what the stream throws where it breaks off.
 */
export async function readBody(
  body: AsyncIterable<Uint8Array> | null | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
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
export async function readText(
  body: AsyncIterable<Uint8Array> | null | undefined,
  maxBytes: number,
): Promise<string> {
  return new TextDecoder().decode(await readBody(body, maxBytes))
}
