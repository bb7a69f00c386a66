import { type Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import autocannon from 'autocannon'

/** Where questions go, and what is said besides. */
export interface Way {
  name: string
  url: string
  headers: Record<string, string>
}

const PATH = '/v1/chat/completions'
const PROMPT = 'Tell me in a few words what the capital of Japan is, and what one sees there. '

/** A chat of about 300 bytes; `how` the fake engine is to answer. */
export function bodyOf(how: object, stream: boolean): string {
  return JSON.stringify({
    model: 'tiny',
    messages: [
      { role: 'system', content: 'You are brief.' },
      { role: 'user', content: PROMPT.repeat(2) },
    ],
    stream,
    user: JSON.stringify(how),
  })
}

const HEADERS = { 'content-type': 'application/json', authorization: 'Bearer sk-bench' }

/** Milliseconds to the first byte of a stream. */
export function firstByte({ url, headers }: Way, agent: Agent, body: string): Promise<number> {
  return new Promise((done, fail) => {
    const began = performance.now()
    const outgoing = request(new URL(PATH, url), {
      method: 'POST',
      agent,
      headers: { ...HEADERS, ...headers },
    })
    outgoing.on('response', (answer) => {
      let first: number | undefined
      answer.on('data', () => (first ??= performance.now() - began))
      answer.on('end', () =>
        answer.statusCode === 200 && first !== undefined
          ? done(first)
          : fail(new Error(`it answered with ${answer.statusCode}`)),
      )
    })
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

/** Requests a second over so many connections. */
export async function rateOf(
  { url, headers }: Way,
  connections: number,
  duration: number,
): Promise<{ rate: number; total: number; p50: number; p99: number; errors: number }> {
  const { requests, latency, errors, non2xx } = await autocannon({
    url: url + PATH,
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: bodyOf({}, false),
    connections,
    duration,
  })
  return {
    rate: requests.average,
    total: requests.total,
    p50: latency.p50,
    p99: latency.p99,
    errors: errors + non2xx,
  }
}

/** Streams that are open, as a client sees them: over connections read by hand, since it has many. */
export class Streams {
  private readonly sockets: Socket[] = []
  /** Those that have begun, and those that came to their end with all of their chunks. */
  begun = 0
  whole = 0
  over = 0

  /** Opens a stream of so many chunks. */
  open({ url, headers }: Way, chunks: number, every: number): void {
    const { hostname, port, host } = new URL(url)
    const body = bodyOf({ chunks, every }, true)
    const all = { host, ...HEADERS, ...headers, 'content-length': Buffer.byteLength(body) }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    const socket = connect(Number(port), hostname)
    this.sockets.push(socket)
    socket.write(`POST ${PATH} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
    let words = 0
    let isFirst = true
    socket.on('data', (piece) => {
      if (isFirst) this.begun++
      isFirst = false
      const text = piece.toString('latin1')
      words += text.split('" word"').length - 1
      if (!text.includes('[DONE]')) return
      if (words === chunks) this.whole++
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => this.over++)
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}
