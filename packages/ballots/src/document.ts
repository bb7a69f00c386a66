import { CloisterError, fromBase64, toBase64 } from '@cloister/core'
import { type Hex, sha256, stringToBytes } from 'viem'
import * as z from 'zod'
import { BASIC_CHOICES, type Kind } from './messages/choice.ts'
import { contentIdOfHash } from './messages/content-id.ts'

/** Bytes that a ballot's text may have. */
export const MAX_DOCUMENT_BYTES = 64_000
/** Bytes of a URI that the contract takes. */
const MAX_URI = 512
const DATA = 'data:application/json;base64,'

const Document = z.object({
  title: z.string().min(1).max(256),
  body: z.string().max(MAX_DOCUMENT_BYTES).default(''),
  choices: z.array(z.string().min(1).max(128)).max(64).default([]),
})

/** What a ballot is about. `choices`: their names; a basic ballot needs none. */
export type Document = z.infer<typeof Document>

/** Where a ballot's text is, and its SHA-256, as the chain has them. */
export interface Published {
  uri: string
  contentHash: Hex
}

/**
 * A text as it is published: where it is, and its JSON. A short one is in its URI itself (RFC 2397), so that
 * whoever has the chain has it; a longer one is under its content id, at hubs and wherever it is pinned.
 * Throws `too-large`, `bad-request`.
 */
export function publishDocument(document: Document): Published & { json: string } {
  const json = JSON.stringify(parseDocument(JSON.stringify(document)))
  const bytes = stringToBytes(json)
  const contentHash = sha256(bytes)
  const data = DATA + toBase64(bytes)
  return { uri: data.length <= MAX_URI ? data : `ipfs://${contentIdOfHash(contentHash)}`, contentHash, json }
}

/** A ballot's text, as anybody sends it. Throws `too-large`, `bad-request`. */
export function parseDocument(json: string): Document {
  if (stringToBytes(json).length > MAX_DOCUMENT_BYTES)
    throw new CloisterError('too-large', `A ballot’s text has at most ${MAX_DOCUMENT_BYTES} bytes.`)
  try {
    return Document.parse(JSON.parse(json))
  } catch (cause) {
    throw new CloisterError('bad-request', 'A ballot’s text has a title, a body and names of choices.', {
      cause,
    })
  }
}

/** The text that is in a URI itself, if it is what its hash says. */
export function textInUri({ uri, contentHash }: Published): string | undefined {
  if (!uri.startsWith(DATA) || uri.length > MAX_URI) return undefined
  try {
    const bytes = fromBase64(uri.slice(DATA.length))
    return sha256(bytes) === contentHash ? new TextDecoder('utf-8', { fatal: true }).decode(bytes) : undefined
  } catch {
    return undefined
  }
}

/**
 * What a ballot is about, of its text where there is one. Choices without a name get their number, and a
 * ballot without a text says where it is.
 */
export function readDocument(json: string | undefined, uri: string, kind: Kind, count: number): Document {
  const found = tryParse(json)
  const names = kind === 'basic' ? BASIC_CHOICES : (found?.choices ?? [])
  const choices = Array.from({ length: count }, (_, at) => names[at] ?? `Choice ${at + 1}`)
  return { title: `Its text is at ${uri.slice(0, 200)}`, body: '', ...found, choices }
}

function tryParse(json: string | undefined): Document | undefined {
  try {
    return json === undefined ? undefined : parseDocument(json)
  } catch {
    return undefined
  }
}
