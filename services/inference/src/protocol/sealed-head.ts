// What is inside of a sealed request and of a sealed answer: a head in JSON with its length before it, then
// the body's bytes as they are.
import { CloisterError, textOf, utf8 } from '@cloister/core'
import * as z from 'zod'
import { MAX_BODY_BYTES, MAX_HEAD_BYTES } from './constants.ts'

const LENGTH = 4

const headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]{0,16384}$/),
)

/** The head of a question. Names of headers in lower case. */
export const QuestionHead = z.strictObject({
  method: z.enum(['GET', 'POST']),
  path: z.string().regex(/^\/[\x21-\x7e]{0,1000}$/),
  headers,
})
export type QuestionHead = z.infer<typeof QuestionHead>

/** The head of an answer. */
export const AnswerHead = z.strictObject({ status: z.int().min(200).max(599), headers })
export type AnswerHead = z.infer<typeof AnswerHead>

/** A question with its body, to be sealed. */
export function encodeQuestion(head: QuestionHead, body: Uint8Array): Uint8Array<ArrayBuffer> {
  return withHead(head, body)
}

/** The opened question. Throws `bad-request`, or `too-large`. */
export function decodeQuestion(bytes: Uint8Array): { head: QuestionHead; body: Uint8Array } {
  const length = headLength(bytes)
  if (bytes.length < LENGTH + length) throw malformed()
  const body = bytes.subarray(LENGTH + length)
  if (body.length > MAX_BODY_BYTES)
    throw new CloisterError('too-large', `A body has at most ${MAX_BODY_BYTES} bytes.`)
  return { head: parseHead(QuestionHead, bytes.subarray(LENGTH, LENGTH + length)), body }
}

/** What an answer begins with, before it is sealed. */
export function encodeAnswerHead(head: AnswerHead): Uint8Array<ArrayBuffer> {
  return withHead(head, new Uint8Array())
}

/**
 * Reads the head off an opened answer; `body` gives the rest, piece by piece. Throws `bad-request` where it
 * has none.
 */
export async function decodeAnswer(
  pieces: AsyncIterable<Uint8Array>,
): Promise<{ head: AnswerHead; body: AsyncGenerator<Uint8Array> }> {
  const source = pieces[Symbol.asyncIterator]()
  let waiting: Uint8Array = new Uint8Array()
  for (;;) {
    const length = waiting.length < LENGTH ? undefined : headLength(waiting)
    if (length !== undefined && waiting.length >= LENGTH + length) {
      const head = parseHead(AnswerHead, waiting.subarray(LENGTH, LENGTH + length))
      return { head, body: rest(waiting.subarray(LENGTH + length), source) }
    }
    const next = await source.next()
    if (next.done) throw malformed()
    waiting = joined(waiting, next.value)
  }
}

async function* rest(first: Uint8Array, source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  } finally {
    await source.return?.()
  }
}

function withHead(head: QuestionHead | AnswerHead, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const json = utf8(JSON.stringify(head))
  if (json.length > MAX_HEAD_BYTES)
    throw new CloisterError('too-large', `Headers have at most ${MAX_HEAD_BYTES} bytes.`)
  const bytes = new Uint8Array(LENGTH + json.length + body.length)
  new DataView(bytes.buffer).setUint32(0, json.length)
  bytes.set(json, LENGTH)
  bytes.set(body, LENGTH + json.length)
  return bytes
}

function headLength(bytes: Uint8Array): number {
  if (bytes.length < LENGTH) throw malformed()
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (length > MAX_HEAD_BYTES)
    throw new CloisterError('too-large', `Headers have at most ${MAX_HEAD_BYTES} bytes.`)
  return length
}

function parseHead<T extends z.ZodType>(schema: T, bytes: Uint8Array): z.infer<T> {
  try {
    return schema.parse(JSON.parse(textOf(bytes)))
  } catch (cause) {
    throw malformed(cause)
  }
}

function malformed(cause?: unknown): CloisterError {
  return new CloisterError('bad-request', 'What was sealed has no head as it should.', { cause })
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
