import { CloisterError, fromProblem } from '@cloister/core'
import { piecesOf, type Received, readText, type Send } from '@cloister/transport/web'
import type { Hex } from 'viem'
import * as z from 'zod'
import type { ReadText } from './ballot.ts'
import { MAX_DOCUMENT_BYTES } from './document.ts'
import { linesOf } from './lines.ts'
import { contentIdOfHash } from './messages/content-id.ts'
import { MAX_ENVELOPE_BYTES, parseEnvelope, writeEnvelope } from './messages/envelope.ts'
import type { SignedVote } from './messages/vote.ts'
import { Receipt } from './receipt.ts'

const ANSWER_BYTES = 64 * 1024
/** Bytes of an export: millions of votes. They are read as they come. */
const EXPORT_BYTES = 4 * 1024 ** 3
const ANSWER_MS = 30_000
/** Milliseconds that a whole export may take. */
const EXPORT_MS = 30 * 60_000

const Taken = z.object({ id: z.string(), ipfs: z.string().max(100), receipt: Receipt })

/**
 * Asks a hub. Texts are checked by their hash; votes by whoever counts or posts them. Throws
 * `unreachable`, `bad-answer`, and what the hub's problem document says.
 */
export class HubClient {
  readonly url: string
  private readonly send: Send

  constructor(url: string, send: Send = (to, init) => fetch(to, init)) {
    this.url = url.replace(/\/$/, '')
    this.send = send
  }

  /** Hands a vote in; returns the hub's receipt. */
  async cast(vote: SignedVote): Promise<Receipt> {
    return (await this.ask('/', Taken, { method: 'POST', body: writeEnvelope(vote) })).receipt
  }

  /** Publishes a ballot's text, once the ballot is on the chain. */
  async publish(json: string): Promise<void> {
    await this.ask('/texts', z.object({ uri: z.string() }), { method: 'POST', body: json })
  }

  /** A text by its SHA-256; undefined where the hub has it not, or doesn't answer. */
  readonly readText: ReadText = async (contentHash) => {
    try {
      return await this.get(`/ipfs/${contentIdOfHash(contentHash)}`, MAX_DOCUMENT_BYTES)
    } catch (error) {
      if (error instanceof CloisterError) return undefined
      throw error
    }
  }

  /** What the hub publishes under a content id; undefined where it has nothing. */
  async published(content: string): Promise<string | undefined> {
    try {
      return await this.get(`/ipfs/${encodeURIComponent(content)}`, MAX_ENVELOPE_BYTES)
    } catch (error) {
      if (error instanceof CloisterError && error.code === 'not-found') return undefined
      throw error
    }
  }

  /**
   * Votes that the hub has of a ballot, as they come: all of them, or the last of each voter. What is no vote
   * is left out; signatures aren't checked.
   */
  async *votes(ballot: Hex, which: 'all' | 'last' = 'last'): AsyncGenerator<SignedVote> {
    const path = `/export?proposal=${ballot}${which === 'last' ? '&last=1' : ''}`
    const { body } = await this.open(path, EXPORT_MS)
    if (body) for await (const line of linesOf(upTo(body, EXPORT_BYTES))) yield* parseVotes(line)
  }

  private async ask<T extends z.ZodType>(path: string, schema: T, init: RequestInit): Promise<z.infer<T>> {
    const parsed = schema.safeParse(parseJson(await this.get(path, ANSWER_BYTES, init)))
    if (parsed.success) return parsed.data
    throw new CloisterError('bad-answer', `The hub at ${this.url} gave an answer that is none.`)
  }

  private async get(path: string, bytes: number, init: RequestInit = {}): Promise<string> {
    return readText((await this.open(path, ANSWER_MS, init)).body, bytes)
  }

  private async open(path: string, ms: number, init: RequestInit = {}): Promise<Received> {
    const sent = {
      ...init,
      signal: AbortSignal.timeout(ms),
      headers: { 'content-type': 'application/json' },
    }
    const response = await this.send(this.url + path, sent).catch((cause) => {
      throw new CloisterError('unreachable', `The hub at ${this.url} does not answer.`, {
        hint: 'A vote can be handed to any hub, or be posted by anybody: save it with --save.',
        cause,
      })
    })
    if (response.ok) return response
    throw fromProblem(response.status, await readText(response.body, ANSWER_BYTES), `The hub at ${this.url}`)
  }
}

/** Pieces of a body. Throws `too-large` for more than so many bytes. */
async function* upTo(body: NonNullable<Received['body']>, bytes: number): AsyncGenerator<Uint8Array> {
  let read = 0
  for await (const piece of piecesOf(body)) {
    read += piece.length
    if (read > bytes) throw new CloisterError('too-large', `An export has at most ${bytes} bytes.`)
    yield piece
  }
}

/** Votes out of NDJSON, an envelope a line, as hubs export them. What is no vote is left out. */
export function parseVotes(ndjson: string): SignedVote[] {
  return ndjson.split('\n').flatMap((line) => {
    if (line === '' || line.length > MAX_ENVELOPE_BYTES) return []
    try {
      return [parseEnvelope(line)]
    } catch (error) {
      if (error instanceof CloisterError) return []
      throw error
    }
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
