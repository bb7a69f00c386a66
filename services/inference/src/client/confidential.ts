import type { Chain } from '@cloister/chain'
import { CloisterError, messageOf } from '@cloister/core'
import type { InferenceReceipt } from '../protocol/receipt.ts'
import { askSealed, type Question, type SealedAnswer, UnsealedAnswer } from './answer.ts'
import { receiptOfAnswer } from './answer-receipt.ts'
import type { VerifiedEndpoint } from './endpoint.ts'
import type { Endpoints } from './endpoints.ts'
import { Repeats } from './repeats.ts'

const MOST_ATTEMPTS = 3

/** An answer whose receipt was checked, or why it has none that holds. */
export type ReceiptOutcome =
  | { endpoint: VerifiedEndpoint; receipt: InferenceReceipt; problem?: undefined }
  | { endpoint: VerifiedEndpoint; receipt?: undefined; problem: CloisterError }

export interface ConfidentialParts {
  chain: Chain
  endpoints: Endpoints
  /** Goes inside of the sealed request, in place of what the caller sends. */
  apiKey?: string | undefined
  /** Hears of the receipt of each answer that was read to its end; without it none is fetched. */
  onReceipt?: ((outcome: ReceiptOutcome) => void) | undefined
}

/**
 * Asks endpoints in confidence: each request is sealed to a verified key, an endpoint whose key changed is
 * verified anew before it is asked again, and one that doesn't answer is left for another.
 */
export class ConfidentialClient {
  private readonly parts: ConfidentialParts
  private readonly repeats = new Repeats()

  constructor(parts: ConfidentialParts) {
    this.parts = parts
  }

  /**
   * The sealed answer to a request, or what somebody on the way said instead, without an answer (429, 5xx).
   * Throws what `askSealed` and `Endpoints.get` throw.
   */
  async ask(asked: Question): Promise<SealedAnswer> {
    const { question, delivered } = this.repeats.name(this.withKey(asked))
    let endpoint = await this.parts.endpoints.get()
    for (let attempt = 1; ; attempt++)
      try {
        const answer = await askSealed(endpoint, question)
        this.follow(endpoint, answer, delivered)
        return answer
      } catch (error) {
        endpoint = await this.next(endpoint, error, attempt, question)
      }
  }

  /** The endpoint to ask after `error`. Throws it where asking again would be of no use. */
  private async next(
    endpoint: VerifiedEndpoint,
    error: unknown,
    attempt: number,
    { signal }: Question,
  ): Promise<VerifiedEndpoint> {
    if (!(error instanceof CloisterError) || signal?.aborted) throw error
    if (error.code === 'key-changed' && attempt < MOST_ATTEMPTS)
      return this.parts.endpoints.keyChanged(endpoint)
    if (error.code !== 'unreachable') throw error
    this.parts.endpoints.failed(endpoint)
    const other =
      attempt < MOST_ATTEMPTS ? await this.parts.endpoints.get().catch(() => undefined) : undefined
    if (!other || other.lease === endpoint.lease) throw error
    return other
  }

  private withKey(question: Question): Question {
    const { apiKey } = this.parts
    if (apiKey === undefined) return question
    const { 'x-api-key': _, ...headers } = question.headers
    return { ...question, headers: { ...headers, authorization: `Bearer ${apiKey}` } }
  }

  private follow(endpoint: VerifiedEndpoint, answer: SealedAnswer, delivered: () => void): void {
    const { chain, onReceipt } = this.parts
    const { receiptId: id, hashes } = answer
    void hashes.then(async (settled) => {
      if (!settled) return
      delivered()
      if (!onReceipt || id === undefined) return
      try {
        onReceipt({ endpoint, receipt: await receiptOfAnswer(chain, endpoint, { id, hashes: settled }) })
      } catch (error) {
        onReceipt({ endpoint, problem: asOurs(error) })
      }
    })
  }
}

/** What somebody on the way answered, as a client library understands it: an error that it may try again. */
export function refusalOf(error: unknown): Response | undefined {
  if (!(error instanceof UnsealedAnswer) || error.status < 400 || error.status === 402) return undefined
  const { status, message, retryAfter } = error
  const body = { error: { message, type: 'not_answered_by_the_endpoint', code: error.code, param: null } }
  return Response.json(body, {
    status,
    headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  })
}

function asOurs(error: unknown): CloisterError {
  return error instanceof CloisterError
    ? error
    : new CloisterError('internal', messageOf(error), { cause: error })
}
