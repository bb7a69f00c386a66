import {
  CloisterError,
  decodeSealedAnswerHead,
  encodeSealedRequest,
  fromProblem,
  isRequestKeyOf,
  Memo,
  RequestKeyReport,
  SEALED_TYPE,
  SealedHead,
  sealedContext,
  sealedPaths,
} from '@cloister/core'
import { sealQuestion } from '@cloister/secrets'
import { piecesOf, type Send } from '@cloister/transport/web'
import { type Hex, hexToBytes } from 'viem'
import { fetchJson, textOf } from '../../ask.ts'
import type { ConnectionParts } from './connection.ts'
import { urlAt } from './url.ts'

/** Statuses whose responses have no body (Fetch standard, section 2.2.3). */
const NO_BODY = new Set([204, 205, 304])

/**
 * How requests reach a worker from a browser, which shows nobody the key of a TLS connection: sealed, through
 * the network's gateway, to a key that the worker's own key named beside its attested TLS key. The gateway
 * sees to whom, when and how much; it can withhold, and can neither read nor answer (decision 42).
 */
export class WorkerConnection {
  readonly endpoint: string
  private readonly parts: ConnectionParts
  private readonly urls: { key: string; sealed: string }
  private readonly key = new Memo(() => this.findKey())

  constructor(parts: ConnectionParts, _beside?: WorkerConnection) {
    this.endpoint = parts.endpoint.replace(/\/$/, '')
    this.parts = parts
    const base = parts.network.gatewayUrl.replace(/\/$/, '')
    const { key, sealed } = sealedPaths(parts.worker)
    this.urls = { key: base + key, sealed: base + sealed }
  }

  /**
   * The URL of a path. Throws `forbidden-address` for an endpoint that is none, and `bad-request` for a path
   * that leads elsewhere.
   */
  urlOf(path: string): string {
    return urlAt(this.endpoint, path)
  }

  /** Like the global `fetch`; bodies sent are text. */
  get send(): Send {
    return (url, init) => this.ask(url, init)
  }

  private async ask(url: string, { method = 'GET', headers, body, signal }: RequestInit): Promise<Response> {
    if (body !== undefined && body !== null && typeof body !== 'string')
      throw new TypeError('only text is sent')
    const { pathname, search } = new URL(url)
    const named = Object.fromEntries(new Headers(headers as Record<string, string>))
    const head = SealedHead.parse({ method, path: pathname + search, headers: named })
    const question = encodeSealedRequest(head, body ?? '')
    try {
      return await this.exchange(question, signal ?? undefined)
    } catch (error) {
      // The worker was started anew, and has another key: what it can't open, it did nothing about.
      if (!(error instanceof CloisterError) || error.code !== 'not-sealed-for-us') throw error
      this.key.forget()
      return this.exchange(question, signal ?? undefined)
    }
  }

  private async exchange(question: Uint8Array, signal: AbortSignal | undefined): Promise<Response> {
    const key = hexToBytes(await this.key.get())
    const { sealed, openAnswer } = await sealQuestion(key, question, sealedContext(this.parts.worker))
    const response = await fetch(this.urls.sealed, {
      method: 'POST',
      body: sealed,
      // A simple request (Fetch standard, section 2.2.2), which browsers send without asking first.
      headers: { 'content-type': 'text/plain' },
      credentials: 'omit',
      redirect: 'error',
      ...(signal && { signal }),
    })
    if (!response.body || response.headers.get('content-type') !== SEALED_TYPE)
      throw said(response.status, await textOf('The gateway', response))
    const pieces = openAnswer(piecesOf(response.body))
    const first = await pieces.next()
    const head = first.done ? undefined : decodeSealedAnswerHead(first.value)
    if (!head) throw new CloisterError('bad-answer', 'The worker answered with something that is no answer.')
    const { status, contentType } = head
    const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
    return new Response(NO_BODY.has(status) ? null : streamOf(pieces), { status, headers })
  }

  /** Throws `not-attested` for a key that isn't the worker's. */
  private async findKey(): Promise<Hex> {
    const { worker, attestedKey, network } = this.parts
    const [tlsKeyHash, { key, signature }] = await Promise.all([
      attestedKey(),
      fetchJson('The gateway', this.urls.key, RequestKeyReport),
    ])
    if (!(await isRequestKeyOf(worker, { key, tlsKeyHash }, signature, network.chainId)))
      throw new CloisterError(
        'not-attested',
        `The worker ${worker} did not sign the key that the gateway gives for it.`,
      )
    return key
  }
}

/** What came back unsealed is the word of the gateway, or of a worker that could open nothing. */
function said(status: number, text: string): Error {
  const problem = fromProblem(status, text, 'The gateway')
  if (problem.code === 'not-sealed-for-us') return problem
  return new TypeError('fetch failed', { cause: new Error(`the gateway says: ${problem.message}`) })
}

function streamOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: async () => void (await pieces.return(undefined)),
  })
}
