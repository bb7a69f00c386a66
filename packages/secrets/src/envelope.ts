import {
  bytes32,
  CloisterError,
  fromBase64,
  SECRET_NAME_PATTERN,
  textOf,
  toBase64,
  toCanonicalJson,
  utf8,
} from '@cloister/core'
import type { Hex } from 'viem'
import * as z from 'zod'
import { open, seal } from './hpke.ts'

const MAX_SECRETS = 256
/** Bytes of all values of an envelope together. */
export const MAX_SECRET_BYTES = 512 * 1024
const key = z.base64().max(64)

/** Secrets sealed to an app: what travels and lies about. */
export const Envelope = z.strictObject({
  format: z.literal('cloister-sealed/1'),
  app: bytes32,
  /** The app's public keys by part, base64. */
  keys: z.tuple([key, key, key]),
  /** Names of what is inside, so that a worker sees what is missing before it asks for keys. */
  names: z.array(z.string().regex(SECRET_NAME_PATTERN)).max(MAX_SECRETS),
  sealed: z.base64().max(1024 * 1024),
})
export type Envelope = z.infer<typeof Envelope>

const Values = z.record(z.string().regex(SECRET_NAME_PATTERN), z.base64())

/** Secrets by name; any bytes. */
export type Secrets = Record<string, Uint8Array>

/** Seals secrets to an app, whose public keys are by part. Throws `bad-secrets`. */
export async function sealSecrets(
  app: Hex,
  publicKeys: readonly [Uint8Array, Uint8Array, Uint8Array],
  secrets: Secrets,
): Promise<Envelope> {
  const names = Object.keys(secrets).sort()
  const wrong = names.find((name) => !SECRET_NAME_PATTERN.test(name))
  if (wrong !== undefined)
    throw new CloisterError(
      'bad-secrets',
      `${JSON.stringify(wrong.slice(0, 60))} can't be the name of a secret.`,
      {
        hint: 'Use letters, digits, "_", "." and "-", beginning with a letter.',
      },
    )
  const bytes = names.reduce((sum, name) => sum + (secrets[name]?.length ?? 0), 0)
  if (names.length > MAX_SECRETS || bytes > MAX_SECRET_BYTES)
    throw new CloisterError(
      'bad-secrets',
      `${names.length} secrets of ${bytes} bytes are more than the ${MAX_SECRETS} of ${MAX_SECRET_BYTES} bytes there may be.`,
    )
  const values = Object.fromEntries(names.map((name) => [name, toBase64(secrets[name] ?? new Uint8Array())]))
  const keys = publicKeys.map(toBase64) as [string, string, string]
  const plaintext = utf8(toCanonicalJson(values))
  return {
    format: 'cloister-sealed/1',
    app,
    keys,
    names,
    sealed: toBase64(await seal(publicKeys, plaintext, contextOf(app, names))),
  }
}

/** Opens an envelope with the app's private keys by part. Throws `not-sealed-for-us`. */
export async function openEnvelope(
  envelope: Envelope,
  privateKeys: readonly [Uint8Array, Uint8Array, Uint8Array],
): Promise<Secrets> {
  // Names stand one after the other in what was sealed: two of them must not pass for one with a space in
  // it.
  if (envelope.names.some((name) => !SECRET_NAME_PATTERN.test(name)))
    throw new CloisterError('not-sealed-for-us', 'The names of what is sealed are none.')
  const opened = await open(privateKeys, fromBase64(envelope.sealed), contextOf(envelope.app, envelope.names))
  const values = Values.safeParse(JSON.parse(textOf(opened)))
  if (!values.success) throw new CloisterError('not-sealed-for-us', 'What was sealed are no secrets.')
  return Object.fromEntries(Object.entries(values.data).map(([name, value]) => [name, fromBase64(value)]))
}

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

/** Names are in the context, so that what an envelope says of itself is what was sealed. */
function contextOf(app: Hex, names: string[]): string {
  return `secrets ${app} ${names.join(' ')}`
}
