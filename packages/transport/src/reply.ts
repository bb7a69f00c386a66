import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { constants } from 'node:http2'
import type { Answer } from './exchange.ts'
import { endToEndHeaders, endToEndTrailers } from './headers.ts'

/** What a client is answered with, over HTTP/1.1 or HTTP/2. */
export type Outgoing = ServerResponse | Http2ServerResponse

/**
 * Passes an answer on, framed anew: with its length, else in chunks (HTTP/1.1) or frames (HTTP/2); trailers
 * are kept. Throws where the head can't be written; then nothing was. `moved` is called for each piece,
 * `ended` after the last.
 */
export function reply(
  response: Outgoing,
  answer: Answer,
  set: Record<string, string | undefined>,
  moved: () => void,
  ended: () => void,
): void {
  const headers = endToEndHeaders(answer.headers)
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined) delete headers[name]
    else headers[name] = value
  }
  const length = answer.headers['content-length']
  // Of an answer without a body (to HEAD, or 304) the length is what it would have; 204 has none (RFC 9110,
  // section 8.6).
  if (length !== undefined && answer.status !== 204) headers['content-length'] = length
  if ('stream' in response) replyOver2(response, answer, headers, ended)
  else replyOver1(response, answer, headers, ended)
  // After the pipe: by then it is known whether the client takes more.
  answer.body.on('data', moved)
}

function replyOver1(
  response: ServerResponse,
  answer: Answer,
  headers: OutgoingHttpHeaders,
  ended: () => void,
): void {
  const { status, framing } = answer
  // Trailers need chunks, which HTTP/1.0 doesn't know.
  if (framing !== 'open' || response.req.httpVersion !== '1.1') delete headers['trailer']
  // Nothing is known to follow; in chunks it would look like something that may.
  const isEmpty = framing === 'none' && response.req.method !== 'HEAD' && status !== 204 && status !== 304
  if (isEmpty) headers['content-length'] = '0'
  response.writeHead(status, headers)
  // An answer without a length may be a stream: its head goes out at once, so that one sees that it is open.
  // With one, head and body go out together.
  if (framing === 'open') response.flushHeaders()
  answer.body.pipe(response, { end: false })
  answer.body.once('end', () => {
    const trailers = framing === 'open' ? endToEndTrailers(answer.trailers()) : {}
    if (Object.keys(trailers).length > 0) response.addTrailers(trailers as OutgoingHttpHeaders)
    response.end()
    ended()
  })
}

function replyOver2(
  response: Http2ServerResponse,
  answer: Answer,
  headers: OutgoingHttpHeaders,
  ended: () => void,
): void {
  const { stream } = response
  if (!stream || stream.destroyed || stream.closed) return
  const endStream = answer.framing === 'none'
  stream.respond({ ...headers, ':status': answer.status }, { endStream, waitForTrailers: !endStream })
  if (endStream) answer.body.resume()
  else answer.body.pipe(stream, { end: false })
  answer.body.once('end', () => {
    if (!endStream) {
      // Sent by the response when the stream wants them.
      response.addTrailers(endToEndTrailers(answer.trailers()))
      stream.end()
    }
    ended()
  })
}

/** Ends an answer whose end never came, so that nobody takes it for whole. */
export function breakOff(response: Outgoing): void {
  if ('stream' in response) response.stream?.close(constants.NGHTTP2_INTERNAL_ERROR)
  else response.destroy()
}
