import { sha256 } from '@noble/hashes/sha2'
import { bytesToHex } from 'viem'
import type { Question } from './answer.ts'

const MOST_KEPT = 1_000
const IDEMPOTENCY = 'idempotency-key'
/** What the clients of OpenAI and Anthropic send when they try again by themselves. */
const RETRY_COUNT = 'x-stainless-retry-count'

/**
 * Gives each request a name of its own, which it is billed under once when the client's own library, that had
 * no answer, asks again: its retries get the same name.
 */
export class Repeats {
  private readonly open = new Map<string, string>()

  /** The question with its name, and what says that its answer has come whole. */
  name(question: Question): { question: Question; delivered(): void } {
    if (question.headers[IDEMPOTENCY] !== undefined) return { question, delivered: () => {} }
    const body = bytesToHex(sha256(question.body))
    const isRetry = Number(question.headers[RETRY_COUNT] ?? 0) > 0
    const name = (isRetry && this.open.get(body)) || crypto.randomUUID()
    this.open.delete(body)
    this.open.set(body, name)
    const [oldest] = this.open.keys()
    if (this.open.size > MOST_KEPT && oldest !== undefined) this.open.delete(oldest)
    return {
      question: { ...question, headers: { ...question.headers, [IDEMPOTENCY]: name } },
      delivered: () => {
        if (this.open.get(body) === name) this.open.delete(body)
      },
    }
  }
}
