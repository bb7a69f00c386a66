import { createServer, type IncomingMessage } from 'node:http'
import { duplexPair } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { SERVER_OPTIONS, serveRequests } from '../server.ts'
import { readAnswerHead, readRequestHead } from './head.ts'

const HOST = 'Host: a.localhost'
const head = (...lines: string[]) => readRequestHead(lines.join('\r\n'))

describe('a request of the common shape', () => {
  it('is read whole', () => {
    expect(
      head('POST /a?b=%20"c HTTP/1.1', HOST, 'X-A:  b c\t', 'Content-Length: 12', 'Connection: close'),
    ).toEqual({
      method: 'POST',
      path: '/a?b=%20"c',
      host: 'a.localhost',
      fields: ['host', 'a.localhost', 'x-a', 'b c', 'content-length', '12', 'connection', 'close'],
      framing: 12,
      closes: true,
    })
    expect(head('GET / HTTP/1.1', HOST, 'Transfer-Encoding: chunked')?.framing).toBe('open')
    expect(head('GET / HTTP/1.1', HOST, 'X: \xff')?.framing).toBe('none')
  })

  it.each([
    ['no host', ['GET / HTTP/1.1', 'X: y']],
    ['an empty host', ['GET / HTTP/1.1', 'Host:']],
    ['two hosts', ['GET / HTTP/1.1', HOST, HOST]],
    ['two lengths', ['POST / HTTP/1.1', HOST, 'Content-Length: 1', 'content-length: 1']],
    ['a length and chunks', ['POST / HTTP/1.1', HOST, 'Content-Length: 1', 'Transfer-Encoding: chunked']],
    ['chunks and a length', ['POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked', 'Content-Length: 1']],
    ['a length that is signed', ['POST / HTTP/1.1', HOST, 'Content-Length: +1']],
    ['a length that is a list', ['POST / HTTP/1.1', HOST, 'Content-Length: 1, 1']],
    ['a length that is empty', ['POST / HTTP/1.1', HOST, 'Content-Length:']],
    ['another coding', ['POST / HTTP/1.1', HOST, 'Transfer-Encoding: gzip, chunked']],
    ['a coding in capitals', ['POST / HTTP/1.1', HOST, 'Transfer-Encoding: CHUNKED']],
    ['an expectation', ['POST / HTTP/1.1', HOST, 'Expect: 100-continue', 'Content-Length: 1']],
    ['an upgrade', ['GET / HTTP/1.1', HOST, 'Upgrade: websocket', 'Connection: Upgrade']],
    ['names in `connection`', ['GET / HTTP/1.1', HOST, 'Connection: keep-alive, x']],
    ['a wish for trailers', ['GET / HTTP/1.1', HOST, 'TE: trailers']],
    ['the same name twice', ['GET / HTTP/1.1', HOST, 'Accept: a', 'accept: b']],
    ['a name with `_`', ['GET / HTTP/1.1', HOST, 'X_Forwarded_For: 1']],
    ['a folded line', ['GET / HTTP/1.1', HOST, 'X: a', ' b']],
    ['a space before the colon', ['GET / HTTP/1.1', HOST, 'X : a']],
    ['a line without a colon', ['GET / HTTP/1.1', HOST, 'X']],
    ['an empty name', ['GET / HTTP/1.1', HOST, ': x']],
    ['a line feed alone', ['GET / HTTP/1.1', HOST, 'X: a\nY: b']],
    ['a carriage return alone', ['GET / HTTP/1.1', HOST, 'X: a\rY: b']],
    ['a zero byte', ['GET / HTTP/1.1', HOST, 'X: \0']],
    ['HTTP/1.0', ['GET / HTTP/1.0', HOST]],
    ['a method nobody knows', ['FOO / HTTP/1.1', HOST]],
    ['a target that is no path', ['GET a HTTP/1.1', HOST]],
    ['an absolute target', ['GET http://a.localhost/ HTTP/1.1', HOST]],
    ['a fragment', ['GET /#a HTTP/1.1', HOST]],
    ['two spaces', ['GET  / HTTP/1.1', HOST]],
    ['an empty line before', ['', 'GET / HTTP/1.1', HOST]],
    ['hundreds of lines', ['GET / HTTP/1.1', HOST, ...Array.from({ length: 300 }, (_, i) => `a${i}: b`)]],
  ])('has not %s', (_, lines) => expect(head(...lines)).toBeUndefined())

  it('is one to Node’s parser too, byte by byte, with the same meaning', async () => {
    for (let byte = 0; byte < 256; byte++) {
      const c = String.fromCharCode(byte)
      for (const text of [
        `GET /a${c}b HTTP/1.1\r\n${HOST}\r\nX: y`,
        `GET / HTTP/1.1\r\n${HOST}\r\nX: a${c}b`,
        `GET / HTTP/1.1\r\n${HOST}\r\nX${c}b: c`,
        `GET / HTTP/1.1\r\n${HOST}${c}\r\nX: c`,
        `GET / HTTP/1.1${c}\r\n${HOST}`,
        `GET / HTTP/1.1\r\n${HOST}\r\n${c}X: y`,
        `GET / HTTP/1.1\r\n${HOST}\r\nX:${c}y${c}`,
      ]) {
        const ours = readRequestHead(text)
        if (!ours) continue
        const node = await nodeReads(text)
        expect([node?.method, node?.url, node?.headers.host], JSON.stringify(text)).toEqual([
          ours.method,
          ours.path,
          ours.host,
        ])
        expect(node?.rawHeaders.map((item, at) => (at % 2 ? item : item.toLowerCase()))).toEqual(ours.fields)
      }
    }
  })
})

describe('the head of an answer', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\ncontent-length: 3', 'GET', 3, true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 3', 'HEAD', 'none', true],
    ['HTTP/1.1 200\r\ntransfer-encoding: Chunked', 'GET', 'open', true],
    ['HTTP/1.1 200 OK', 'GET', 'open', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 3', 'GET', 3, false],
    ['HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close', 'GET', 3, false],
    ['HTTP/1.1 204 No\r\ncontent-length: 3', 'GET', 'none', true],
    ['HTTP/1.1 304 No\r\ncontent-length: 3', 'GET', 'none', true],
    ['HTTP/1.1 600 \xff\r\ncontent-length: 0', 'GET', 'none', true],
  ])('%j to %s is framed', (text, method, framing, isKept) =>
    expect(readAnswerHead(text, method)).toMatchObject({ framing, isKept }),
  )

  it.each(['HTTP/1.1 100 Continue', 'HTTP/1.1 102 Processing', 'HTTP/1.1 103 Early Hints\r\nlink: x'])(
    '%j is none yet',
    (text) => expect(readAnswerHead(text, 'GET')).toBe('interim'),
  )

  it.each([
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x',
    'HTTP/1.1 099 X',
    'HTTP/1.1 1000 X',
    'HTTP/1.1 20 X',
    'HTTP/2.0 200 OK',
    'hello',
    '',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2',
    'HTTP/1.1 200 OK\r\ncontent-length: 2, 2',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked',
    'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked',
    'HTTP/1.1 200 OK\r\nx: a\nb: c',
    'HTTP/1.1 200 OK\r\nx: a\r\n b',
    'HTTP/1.1 200 OK\r\n: y',
  ])('%j is refused', (text) => expect(() => readAnswerHead(text, 'GET')).toThrow())
})

/** What Node's own server reads in a head, or that it is wrong. */
function nodeReads(text: string): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const server = createServer(SERVER_OPTIONS)
    const [mine, its] = duplexPair()
    const end = (request?: IncomingMessage) => {
      resolve(request)
      mine.destroy()
      its.destroy()
    }
    serveRequests(server, (request) => end(request as IncomingMessage))
    server.on('clientError', () => end())
    server.emit('connection', its)
    mine.write(`${text}\r\n\r\n`, 'latin1')
  })
}
