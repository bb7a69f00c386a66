import type * as z from 'zod'
import { type Body, piecesOf } from './body.ts'

const MAX_EVENT_CHARACTERS = 1024 * 1024

/**
 * Reads server-sent events whose data is JSON of one shape (HTML standard, section 9.2). What has another
 * shape is passed over.
 */
export async function* readServerSentEvents<T extends z.ZodType>(
  body: Body,
  schema: T,
): AsyncGenerator<z.infer<T>> {
  const decoder = new TextDecoder()
  let buffer = ''
  for await (const chunk of piecesOf(body)) {
    buffer += decoder.decode(chunk, { stream: true })
    for (;;) {
      const end = buffer.indexOf('\n\n')
      if (end < 0) break
      const data = buffer
        .slice(0, end)
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n')
      buffer = buffer.slice(end + 2)
      if (data === '') continue
      const parsed = schema.safeParse(safeJson(data))
      if (parsed.success) yield parsed.data
    }
    if (buffer.length > MAX_EVENT_CHARACTERS) throw new Error('an event is too long')
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
