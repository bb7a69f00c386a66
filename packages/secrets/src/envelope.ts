import { address, bytes32, CloisterError, hexBytes, SECRET_NAME_PATTERN } from '@cloister/core'
import * as z from 'zod'

export const MAX_SECRETS = 256
/** Base64 digits of what is sealed, which go to a worker in one request. */
export const MAX_SEALED_LENGTH = 1024 * 1024
/** How many times before may have sealed what is kept. */
export const MAX_KEPT = 8
/** Bytes of all values of an envelope together. */
export const MAX_SECRET_BYTES = 512 * 1024
const key = z.base64().max(64)

/** Secrets sealed to an app at one time. */
const Sealed = z.strictObject({
  format: z.literal('cloister-sealed/1'),
  app: bytes32,
  /** The app's public keys by part, base64. */
  keys: z.tuple([key, key, key]),
  /** Names of what is inside, so that a worker sees what is missing before it asks for keys. */
  names: z.array(z.string().regex(SECRET_NAME_PATTERN)).max(MAX_SECRETS),
  sealed: z.base64().max(MAX_SEALED_LENGTH),
  /** The account that sealed it, as it says itself: it alone may have it opened beside others. */
  writer: address.optional(),
})
export type Sealed = z.infer<typeof Sealed>

/** Secrets sealed to an app: what travels and lies about. */
export const Envelope = Sealed.extend({
  /** What was sealed before and stays, by names that aren't among those above. */
  kept: z
    .strictObject({
      /** Newest first; all of one writer. */
      sealed: z.array(Sealed).min(1).max(MAX_KEPT),
      /** Their writer's, by `keptSecretsTypedData`. */
      signature: hexBytes,
    })
    .optional(),
})
export type Envelope = z.infer<typeof Envelope>

/** Reads an untrusted envelope. Throws `bad-secrets` naming the field. */
export function readEnvelope(value: unknown): Envelope {
  const parsed = Envelope.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-secrets',
    `The sealed secrets are wrong at ${issue?.path.join('.') || 'their root'}: ${issue?.message}.`,
  )
}
