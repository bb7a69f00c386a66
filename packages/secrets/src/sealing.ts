import {
  CloisterError,
  fromBase64,
  SECRET_NAME_PATTERN,
  textOf,
  toBase64,
  toCanonicalJson,
  utf8,
} from '@cloister/core'
import type { Address, Hex } from 'viem'
import * as z from 'zod'
import { type Envelope, MAX_SECRET_BYTES, MAX_SECRETS, type Sealed } from './envelope.ts'
import { open, seal } from './hpke.ts'
import { checkKept } from './kept.ts'

const Values = z.record(z.string().regex(SECRET_NAME_PATTERN), z.base64())

/** Secrets by name; any bytes. */
export type Secrets = Record<string, Uint8Array>

/**
 * Seals secrets to an app, whose public keys are by part. `writer` may have them opened beside others later,
 * see `keepSecrets`; without one they open alone. Throws `bad-secrets`.
 */
export async function sealSecrets(
  app: Hex,
  publicKeys: readonly [Uint8Array, Uint8Array, Uint8Array],
  secrets: Secrets,
  writer?: Address,
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
    sealed: toBase64(await seal(publicKeys, plaintext, contextOf({ app, names, writer }))),
    ...(writer && { writer }),
  }
}

/**
 * Opens an envelope with the app's private keys by part, and what is kept beside it: newer ones take the
 * place of older ones of their names. Throws `not-sealed-for-us`.
 */
export async function openEnvelope(
  envelope: Envelope,
  privateKeys: readonly [Uint8Array, Uint8Array, Uint8Array],
): Promise<Secrets> {
  await checkKept(envelope)
  const newestFirst = [envelope, ...(envelope.kept?.sealed ?? [])]
  const opened = await Promise.all(newestFirst.map((one) => openOne(one, privateKeys)))
  return Object.assign({}, ...opened.reverse())
}

async function openOne(
  envelope: Sealed,
  privateKeys: readonly [Uint8Array, Uint8Array, Uint8Array],
): Promise<Secrets> {
  // Names stand one after the other in what was sealed: two of them must not pass for one with a space in
  // it.
  if (envelope.names.some((name) => !SECRET_NAME_PATTERN.test(name)))
    throw new CloisterError('not-sealed-for-us', 'The names of what is sealed are none.')
  const opened = await open(privateKeys, fromBase64(envelope.sealed), contextOf(envelope))
  const values = Values.safeParse(JSON.parse(textOf(opened)))
  if (!values.success) throw new CloisterError('not-sealed-for-us', 'What was sealed are no secrets.')
  return Object.fromEntries(Object.entries(values.data).map(([name, value]) => [name, fromBase64(value)]))
}

/**
 * Names and writer are in the context, so that what an envelope says of itself is what was sealed. An address
 * can't be a name.
 */
function contextOf({ app, names, writer }: Pick<Sealed, 'app' | 'names' | 'writer'>): string {
  return `secrets ${app}${writer ? ` ${writer}` : ''} ${names.join(' ')}`
}
