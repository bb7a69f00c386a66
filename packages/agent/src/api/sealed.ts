import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { duplexPair, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  CloisterError,
  decodeSealedRequest,
  encodeSealedAnswerHead,
  MAX_SEALED_BYTES,
  SEALED_TYPE,
  sealedContext,
  sealedPaths,
} from '@cloister/core'
import { openQuestion } from '@cloister/secrets'
import {
  DialAgent,
  fetchOver,
  type Incoming,
  type Outgoing,
  readBody,
  SERVER_OPTIONS,
  serveRequests,
} from '@cloister/transport'
import type { Address } from 'viem'
import type { RequestKey } from './request-key.ts'

const NOBODY = 'http://worker'

/**
 * Answers requests that came sealed to the worker's own key, as its open door answers those that came over
 * its attested TLS: whoever passed them on could read neither.
 */
export class SealedDoor {
  private readonly worker: Address
  private readonly key: RequestKey
  private readonly paths: { key: string; sealed: string }
  private readonly inside: DialAgent

  /** `answer`: what the worker does with a request that nobody sealed. */
  constructor(worker: Address, key: RequestKey, answer: (request: Incoming, response: Outgoing) => void) {
    this.worker = worker
    this.key = key
    this.paths = sealedPaths(worker)
    // Requests go through a server of Node's that nobody can connect to, so that they are read as strictly
    // as any.
    const server = createServer(SERVER_OPTIONS)
    serveRequests(server, answer)
    const dial = async () => {
      const [near, far] = duplexPair()
      server.emit('connection', far)
      return near
    }
    // Each has a connection of its own: Node keeps none that has no clock.
    this.inside = new DialAgent(dial, { keepAlive: false })
  }

  /** Whether a request is for this door. */
  takes({ url }: Incoming): boolean {
    return url === this.paths.key || url === this.paths.sealed
  }

  /** Throws `not-found`, `too-large`, `not-sealed-for-us` or `bad-request`; nothing was answered then. */
  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === this.paths.key) {
      if (request.method !== 'GET') throw new CloisterError('not-found', 'There is nothing here but to read.')
      const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
      return void response.writeHead(200, headers).end(JSON.stringify(this.key.report))
    }
    if (request.method !== 'POST') throw new CloisterError('not-found', 'Sealed requests come by POST.')
    const sealed = await readBody(request, MAX_SEALED_BYTES)
    const { question, sealAnswer } = await openQuestion(
      this.key.privateKey,
      sealed,
      sealedContext(this.worker),
    )
    const asked = decodeSealedRequest(question)
    if (!asked) throw new CloisterError('bad-request', 'What was sealed is no request.')
    const { head, body } = asked
    const left = new AbortController()
    response.once('close', () => left.abort())
    const answer = await fetchOver(this.inside, NOBODY, NOBODY + head.path, {
      method: head.method,
      headers: head.headers,
      ...(head.method !== 'GET' && { body }),
      redirect: 'manual',
      signal: left.signal,
    })
    response.writeHead(200, { 'content-type': SEALED_TYPE, 'cache-control': 'no-store' })
    // The head of a stream goes out before anything happens in it.
    await pipeline(Readable.from(sealAnswer(piecesOf(answer))), response).catch(() => response.destroy())
  }

  close(): void {
    this.inside.destroy()
  }
}

async function* piecesOf({ status, headers, body }: Response): AsyncGenerator<Uint8Array> {
  const contentType = headers.get('content-type')
  yield encodeSealedAnswerHead({ status, ...(contentType !== null && { contentType }) })
  yield* body ?? []
}
