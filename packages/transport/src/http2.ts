import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders as Http2Headers,
} from 'node:http2'
import { type Duplex, PassThrough } from 'node:stream'
import type { Target } from './dial.ts'
import type { Answer, Head, Upstream } from './exchange.ts'

/** Milliseconds a session is kept without a request on it. */
const IDLE_MS = 10_000

/**
 * Sessions of HTTP/2 without TLS, begun at once (RFC 9113, section 3.3), one for each target that `dial`
 * understands.
 */
export class Http2Sessions {
  private readonly dial: (target: Target) => Promise<Duplex>
  private readonly sessions = new Map<Target, Promise<KeptSession>>()

  constructor(dial: (target: Target) => Promise<Duplex>) {
    this.dial = dial
  }

  /** Opens a stream to a target. Rejects where nobody listens. */
  async request(
    target: Target,
    headers: Record<string, unknown>,
    endStream: boolean,
  ): Promise<ClientHttp2Stream> {
    let kept = this.sessions.get(target)
    if (!kept || (await kept).isOver) {
      kept = this.dial(target).then(
        (stream) =>
          new KeptSession(stream, () => this.sessions.get(target) === kept && this.sessions.delete(target)),
      )
      this.sessions.set(target, kept)
      kept.catch(() => this.sessions.get(target) === kept && this.sessions.delete(target))
    }
    return (await kept).request(headers, endStream)
  }

  destroy(): void {
    for (const kept of this.sessions.values()) kept.then(({ session }) => session.destroy()).catch(() => {})
    this.sessions.clear()
  }
}

/** A session that closes when it was not used for a while. */
class KeptSession {
  readonly session: ClientHttp2Session
  private readonly forget: () => void
  private streams = 0
  private timer: NodeJS.Timeout | undefined
  private goesAway = false

  constructor(stream: Duplex, forget: () => void) {
    this.forget = forget
    this.session = connect('http://service', {
      createConnection: () => stream,
      settings: { enablePush: false },
    })
    this.session.on('goaway', () => this.leave())
    // Each stream tells of its own failure.
    this.session.on('error', () => this.leave())
    this.session.on('close', () => {
      clearTimeout(this.timer)
      this.leave()
    })
  }

  /** Takes no more requests. */
  get isOver(): boolean {
    return this.goesAway || this.session.closed || this.session.destroyed
  }

  request(headers: Record<string, unknown>, endStream: boolean): ClientHttp2Stream {
    clearTimeout(this.timer)
    const stream = this.session.request(headers as Http2Headers, { endStream })
    this.streams++
    stream.once('close', () => {
      if (--this.streams > 0) return
      this.timer = setTimeout(() => {
        this.leave()
        this.session.close()
      }, IDLE_MS)
    })
    return stream
  }

  private leave(): void {
    this.goesAway = true
    this.forget()
  }
}

/** Requests in HTTP/2 to one target: what gRPC speaks. */
export function http2Upstream(sessions: Http2Sessions, target: Target): Upstream {
  return (head, asker) => {
    const body = new PassThrough()
    let trailers: Record<string, string | string[]> = {}
    let stream: ClientHttp2Stream | undefined
    let settled = false
    const fail = (error: Error) => {
      if (settled) return
      settled = true
      asker.failed(error, false)
    }
    const endsAtOnce = head.framing === 'none' || head.framing === 0
    const begin = async () => {
      stream = await sessions.request(target, pseudo(head), endsAtOnce)
      if (body.destroyed) return stream.close(constants.NGHTTP2_CANCEL)
      const opened = stream
      opened.on('error', fail)
      opened.on('close', () => fail(new Error('the stream was closed without an answer')))
      opened.on('headers', () => asker.alive())
      opened.on('wantTrailers', () => opened.sendTrailers(trailers))
      opened.on('response', (headers, flags) => {
        if (settled) return
        settled = true
        asker.answered(
          answerOf(opened, headers, head.method, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0),
        )
      })
      if (endsAtOnce) return body.resume()
      body.pipe(opened)
    }
    begin().catch(fail)
    return {
      body,
      end: (after) => {
        trailers = after
        body.end()
      },
      destroy: () => {
        body.destroy()
        stream?.close(constants.NGHTTP2_CANCEL)
      },
    }
  }
}

function pseudo({ method, path, headers, framing }: Head): Record<string, unknown> {
  const { host, ...others } = headers
  return {
    ':method': method,
    ':path': path,
    ':scheme': 'http',
    ':authority': host,
    ...others,
    ...(typeof framing === 'number' && { 'content-length': String(framing) }),
  }
}

function answerOf(
  stream: ClientHttp2Stream,
  headers: Http2Headers & { ':status'?: number | undefined },
  method: string,
  isOver: boolean,
): Answer {
  const { ':status': status = 0, ...others } = headers
  let after: Http2Headers = {}
  stream.on('trailers', (trailers) => (after = trailers))
  const length = others['content-length']
  // An answer whose head ends the stream stays one: gRPC tells the two apart.
  const empty = isOver || method === 'HEAD' || status === 204 || status === 304
  return {
    status,
    headers: others,
    framing: empty ? 'none' : length === undefined ? 'open' : Number(length),
    body: stream,
    trailers: () => after,
  }
}
