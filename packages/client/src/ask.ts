import { CloisterError, findCause, fromProblem, messageOf } from '@cloister/core'
import { type Received, readText, type Send } from '@cloister/transport/web'
import type * as z from 'zod'

/** How to ask. */
export interface Asked extends RequestInit {
  /** The global `fetch`, if not given. */
  send?: Send
  /** Bytes that an answer may have; 4 MiB, if not given. */
  maxBytes?: number
}

/** An answer of any status. */
export interface Answer {
  status: number
  text: string
}

const ANSWER_MS = 15_000
const MAX_BYTES = 4 * 1024 * 1024

/** Asks for JSON and checks it. Throws what the problem document says, `unreachable`, or `bad-answer`. */
export async function fetchJson<T extends z.ZodType>(
  who: string,
  url: string,
  schema: T,
  asked: Asked = {},
): Promise<z.infer<T>> {
  return jsonOf(who, await fetchText(who, url, asked), schema)
}

/** Asks, for 15 seconds unless `signal` says otherwise. Throws `unreachable` or `bad-answer`. */
export async function fetchText(
  who: string,
  url: string,
  { send = fetch, maxBytes = MAX_BYTES, ...init }: Asked,
): Promise<Answer> {
  const signal = init.signal ?? AbortSignal.timeout(ANSWER_MS)
  const response = await reach(who, url, { ...init, signal }, send)
  return { status: response.status, text: await textOf(who, response, maxBytes) }
}

/** The JSON in an answer, checked. Throws what its problem document says, or `bad-answer`. */
export function jsonOf<T extends z.ZodType>(who: string, { status, text }: Answer, schema: T): z.infer<T> {
  if (status < 200 || status > 299) throw fromProblem(status, text, who)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new CloisterError('bad-answer', `${who} answered with something that is not JSON.`, { cause })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-answer',
    `${who} answered in a shape we don't know, at ${issue?.path.join('.')}: ${issue?.message}.`,
  )
}

const LOOPBACK = /^(127\.|\[::1\]$|localhost$|.*\.localhost$)/

/** A response of any status. Throws `unreachable`. */
export async function reach(
  who: string,
  url: string,
  init: RequestInit,
  send: Send = fetch,
): Promise<Received> {
  const ask = () => send(url, { ...init, redirect: 'error' })
  try {
    // A kept connection may have been closed by the other side just now; what only asks is asked again.
    return await ask().catch((error) =>
      wasClosed(error) && (init.method ?? 'GET') === 'GET' ? ask() : Promise.reject(error),
    )
  } catch (cause) {
    // What was found out on the way, such as that a worker isn't genuine, says more than that it can't be
    // reached.
    const ours = findCause(cause, CloisterError)
    if (ours && ours.code !== 'unreachable') throw ours
    const reason = messageOf(rootOf(cause)).replace(/\.$/, '')
    const { origin, hostname } = new URL(url)
    const isEmbedded = LOOPBACK.test(hostname)
    throw new CloisterError('unreachable', `${who} does not answer at ${origin}: ${reason}.`, {
      cause,
      ...(isEmbedded && { hint: { do: 'start-network' } as const }),
    })
  }
}

/** The first of all causes: what each error on the way up says is that something below it failed. */
function rootOf(error: unknown): unknown {
  let root = error
  for (let depth = 0; depth < 16 && root instanceof Error && root.cause !== undefined; depth++)
    root = root.cause
  return root
}

/** The body as text, up to a limit. Throws `bad-answer` or `unreachable`. */
export async function textOf(who: string, response: Received, maxBytes = MAX_BYTES): Promise<string> {
  try {
    return await readText(response.body, maxBytes)
  } catch (cause) {
    if (cause instanceof CloisterError && cause.code === 'too-large')
      throw new CloisterError('bad-answer', `${who} answered with more than ${maxBytes} bytes.`, { cause })
    throw new CloisterError('unreachable', `${who} broke off in the middle of an answer.`, { cause })
  }
}

function wasClosed(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return (
    cause instanceof Error &&
    ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(String((cause as NodeJS.ErrnoException).code))
  )
}
