import { CloisterError, fromProblem } from '@cloister/core'
import { readText, type Send } from '@cloister/transport/web'
import type { Hex } from 'viem'
import * as z from 'zod'
import type { ReadText } from './ballot.ts'
import { MAX_DOCUMENT_BYTES } from './document.ts'
import { contentIdOfHash } from './messages/content-id.ts'
import { MAX_ENVELOPE_BYTES, parseEnvelope, writeEnvelope } from './messages/envelope.ts'
import type { SignedVote } from './messages/vote.ts'
import { Receipt } from './receipt.ts'

const ANSWER_BYTES = 64 * 1024
/** Bytes of an export: a hundred thousand votes of a kilobyte. */
const EXPORT_BYTES = 128 * 1024 * 1024
const ANSWER_MS = 30_000

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

  /**
   * The last vote of each voter that the hub has of a ballot. What is no vote is left out; signatures
   * aren't checked.
   */
  async votes(ballot: Hex): Promise<SignedVote[]> {
    return parseVotes(await this.get(`/export?proposal=${ballot}&last=1`, EXPORT_BYTES))
  }

  private async ask<T extends z.ZodType>(path: string, schema: T, init: RequestInit): Promise<z.infer<T>> {
    const parsed = schema.safeParse(parseJson(await this.get(path, ANSWER_BYTES, init)))
    if (parsed.success) return parsed.data
    throw new CloisterError('bad-answer', `The hub at ${this.url} gave an answer that is none.`)
  }

  private async get(path: string, bytes: number, init: RequestInit = {}): Promise<string> {
    const sent = {
      ...init,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { 'content-type': 'application/json' },
    }
    const response = await this.send(this.url + path, sent).catch((cause) => {
      throw new CloisterError('unreachable', `The hub at ${this.url} does not answer.`, {
        hint: 'A vote can be handed to any hub, or be posted by anybody: save it with --save.',
        cause,
      })
    })
    const text = await readText(response.body, response.ok ? bytes : ANSWER_BYTES)
    if (!response.ok) throw fromProblem(response.status, text, `The hub at ${this.url}`)
    return text
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
