import type { Field } from './field.ts'
import type { Granted, ParseOptions, Wish } from './parse-options.ts'
import type { SentBlob } from './sent.ts'

/** What granting a wish needs to know. */
export interface WishContext {
  options: ParseOptions
  /** What isn't granted yet. */
  wishes: Wish[]
}

/** In place of a digest that isn't known yet. */
const STAND_IN = `sha256:${'0'.repeat(64)}`

/**
 * What a wish came to, or a stand-in while that isn't known. Refused, with `instead`, where nothing is sent
 * beside the manifest.
 */
function grant(
  wish: Wish,
  at: Field,
  instead: string,
  { options, wishes }: WishContext,
): Granted | undefined {
  if (!options.granted) at.refuse('it has to be prepared on the machine it is deployed from', instead)
  const granted = options.granted?.(wish)
  if (!granted) wishes.push(wish)
  return granted
}

/** Digest of the manifest of an image that is sent. */
export function grantImage(
  wish: Extract<Wish, { kind: 'image' | 'build' }>,
  at: Field,
  instead: string,
  context: WishContext,
): string {
  const granted = grant(wish, at, instead, context)
  return granted && 'image' in granted ? granted.image : STAND_IN
}

/** Bytes that are sent, and how many entries an archive has. */
export function grantBlob(
  wish: Extract<Wish, { kind: 'folder' | 'file' }>,
  at: Field,
  instead: string,
  context: WishContext,
): { blob: SentBlob; entries: number } {
  const granted = grant(wish, at, instead, context)
  if (!granted || !('digest' in granted)) return { blob: { digest: STAND_IN, bytes: 0 }, entries: 0 }
  const { digest, bytes, entries = 1 } = granted
  return { blob: { digest, bytes }, entries }
}
