import canonicalize from 'canonicalize'
import { sha256 } from 'viem'
import { utf8 } from '../bytes.ts'
import { CloisterError } from '../errors/error.ts'
import { Manifest } from './manifest.ts'

/** Bytes a canonical manifest may have. */
export const MAX_MANIFEST_BYTES = 1024 * 1024

/** JSON in the canonical form of RFC 8785. */
export function toCanonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new CloisterError('not-json', 'The value has no JSON form.')
  return text
}

/** SHA-256 of the canonical JSON of a value, 32 bytes. */
export function canonicalHash(value: unknown): `0x${string}` {
  return sha256(utf8(toCanonicalJson(value)))
}

/** The manifest's hash as it goes on chain: SHA-256 of its canonical JSON (RFC 8785). */
export function hashManifest(manifest: Manifest): `0x${string}` {
  return canonicalHash(manifest)
}

/**
 * Reads a canonical manifest from untrusted JSON text. The text need not be canonical; the result is.
 * Throws `bad-manifest` naming the first field that is wrong.
 */
export function readManifest(text: string): Manifest {
  if (utf8(text).length > MAX_MANIFEST_BYTES)
    throw new CloisterError('bad-manifest', `The manifest is larger than ${MAX_MANIFEST_BYTES} bytes.`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new CloisterError('bad-manifest', 'The manifest is not JSON.', { cause })
  }
  return checkManifest(json)
}

/** Checks a value against the manifest's schema. Throws `bad-manifest`. */
export function checkManifest(value: unknown): Manifest {
  const parsed = Manifest.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-manifest',
    `The manifest is wrong at ${issue?.path.join('.') || 'its root'}: ${issue?.message}.`,
  )
}
