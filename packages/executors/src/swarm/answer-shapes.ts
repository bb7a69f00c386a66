import { CloisterError } from '@cloister/core'
import * as z from 'zod'
import { decode } from './frames.ts'
import type { PLAIN } from './serve-node.ts'

/** Datagrams of UDP over IPv4 are no longer (RFC 768, RFC 791). */
export const MOST_DATAGRAM_BYTES = 65_507
/** A line has 16 Ki characters; in JSON, with escapes, it is longer. */
export const MOST_LINE_BYTES = 256 * 1024

const part = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/)
const word = z.string().max(1024)
const amount = z.number().min(0)
const nothing = z.null()

const Exit = z.object({ code: z.int(), outOfMemory: z.boolean() })

const Container = z.object({
  name: part,
  revision: word,
  digest: word,
  running: z.boolean(),
  exit: Exit.optional(),
  startedAt: z.number(),
  cpuMilli: amount,
  memoryMiB: amount,
  networkOf: word.optional(),
})

/** What a node may answer. Whoever runs it can still lie, and nothing but lie. */
export const ANSWERS = {
  facts: z.object({
    node: z
      .string()
      .regex(/^[a-z0-9]{1,64}$/)
      .optional(),
    canEncrypt: z.boolean(),
  }),
  hasImage: z.boolean(),
  leases: z.array(part),
  restart: nothing,
  stop: nothing,
  remove: nothing,
  removeIn: nothing,
  keepVolumes: nothing,
  volumes: z.array(part),
  containers: z.array(Container),
  usage: z.object({ cpuSeconds: amount, memoryBytes: amount, processes: amount }),
  traffic: z.object({ received: amount, sent: amount }).nullable(),
  diskUsage: amount,
  halt: nothing,
  destroy: nothing,
} satisfies Record<(typeof PLAIN)[number], z.ZodType>

export const EXIT = Exit
export const EXIT_CODE = z.int()
export const NOTHING = nothing
export const LOG_LINE = z.object({
  time: z.number(),
  stream: z.enum(['stdout', 'stderr']),
  text: z.string().max(64 * 1024),
})

/** Reads an answer as it has to be. Throws `bad-answer`. */
export function checkAnswer<T extends z.ZodType>(schema: T, body: Buffer): z.infer<T> {
  const parsed = schema.safeParse(decoded(body))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-answer',
    `The node answers what can't be, at ${issue?.path.join('.') || 'all of it'}: ${issue?.message}.`,
  )
}

function decoded(body: Buffer): unknown {
  try {
    return decode(body)
  } catch (cause) {
    throw new CloisterError('bad-answer', 'The node answers what is no JSON.', { cause })
  }
}
