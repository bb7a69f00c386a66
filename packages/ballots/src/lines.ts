import { CloisterError } from '@cloister/core'
import { MAX_ENVELOPE_BYTES } from './messages/envelope.ts'

/**
 * Lines of a body of text, as they come, none longer than an envelope may be: an export of any size takes
 * the memory of its longest line. Throws `too-large`.
 */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of body) {
    rest += decoder.decode(piece, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_ENVELOPE_BYTES)
      throw new CloisterError('too-large', `An envelope has at most ${MAX_ENVELOPE_BYTES} bytes.`)
    yield* lines
  }
  yield rest
}
