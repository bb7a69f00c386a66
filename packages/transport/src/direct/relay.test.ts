import { createServer, type Server } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { SERVER_OPTIONS, serveRequests, takeReader } from '../server.ts'
import { directFront } from './front.ts'
import type { Way } from './relay.ts'

const MINUTE = 60_000
const HOST = 'host: a\r\n'
const SILENCE = { clientMs: MINUTE, sendMs: MINUTE, answerMs: MINUTE }
const SAID = { status: 502, headers: {}, body: '' }
const ends: Duplex[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end.destroy()
})

/** What the other side of a connection says, as it comes. */
function reader(connection: Duplex) {
  let text = ''
  connection.on('data', (piece: Buffer) => (text += piece.toString('latin1')))
  return {
    text: () => text,
    until: async (what: string | RegExp) => {
      await expect.poll(() => text, { interval: 5 }).toMatch(what)
      const all = text
      text = ''
      return all
    },
  }
}

/** A front whose connections behind are ends of a test's, by target; `/careful` and odd shapes are Node's. */
function raise(options: Partial<Way> & { find?: () => Promise<Way | undefined> } = {}) {
  const server: Server = createServer(SERVER_OPTIONS)
  const careful = takeReader(server, 'connection')
  let byNode = 0
  serveRequests(server, (request, response) => {
    byNode++
    // The types have two kinds of answers.
    ;(response as { end(text: string): void }).end(`Node read ${request.method} ${request.url}`)
  })
  const dialled: Duplex[] = []
  const silence = { ...SILENCE, ...options.silence }
  const way: Way = {
    target: 't',
    lines: 'x-ours: 1\r\n',
    maxBodyBytes: 1000,
    refuse: ({ status, message }) => ({ status, headers: { 'x-page': '1' }, body: message }),
    ...options,
    silence,
  }
  const ended: number[] = []
  const read = directFront(server, {
    find: options.find ?? (({ path }) => (path === '/careful' ? undefined : way)),
    dial: async () => {
      const [mine, its] = duplexPair()
      ends.push(mine, its)
      dialled.push(its)
      return mine
    },
    careful,
    replaced: new Set(['x-ours', 'x-gone']),
    removed: new Set(['x-secret']),
    tellsKeepAlive: true,
    begun: () => (status) => void ended.push(status),
  })
  const [client, its] = duplexPair()
  ends.push(client, its)
  read(its)
  const behind = async (index = 0) => {
    await expect.poll(() => dialled.length, { interval: 5 }).toBeGreaterThan(index)
    return dialled[index] as Duplex
  }
  return { client, says: reader(client), behind, dialled, ended, byNode: () => byNode, server }
}

describe('the direct way', () => {
  it('frames requests and answers anew, and keeps the connection behind', async () => {
    const { client, says, behind, dialled, ended } = raise()
    client.write(
      `POST /a HTTP/1.1\r\n${HOST}X-Ours: 2\r\nX-Gone: 3\r\nX-B: c\r\nContent-Length: 3\r\n\r\nabc`,
    )
    const service = await behind()
    const heard = reader(service)
    expect(await heard.until(/abc$/)).toBe(
      'POST /a HTTP/1.1\r\nhost: a\r\nx-b: c\r\nx-ours: 1\r\ncontent-length: 3\r\n\r\nabc',
    )
    service.write('HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\nX-Secret: 1\r\nX-D: e\r\nDate: d\r\nContent-Le')
    service.write('ngth: 2\r\n\r\nh')
    service.write('i')
    expect(await says.until(/hi$/)).toBe(
      'HTTP/1.1 200 OK\r\nx-d: e\r\ndate: d\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\ncontent-length: 2\r\n\r\nhi',
    )
    client.write(`GET /b HTTP/1.1\r\n${HOST}\r\n`)
    expect(await heard.until(/\r\n\r\n$/)).toMatch(/^GET \/b /)
    service.write('HTTP/1.1 204 No\r\n\r\n')
    await says.until(/^HTTP\/1\.1 204 .*\r\n\r\n$/s)
    expect([dialled.length, ended]).toEqual([1, [200, 204]])
  })

  it('passes chunks both ways, without extensions, with the trailers that may be', async () => {
    const { client, says, behind } = raise()
    client.write(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n`)
    client.write('X-Sum: 1\r\nAuthorization: no\r\ncloister-route: no\r\n\r\n')
    const service = await behind()
    expect(await reader(service).until(/x-sum/)).toMatch(/chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n$/)
    service.write(
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nset-cookie: no\r\n\r\n',
    )
    expect(await says.until(/0\r\n/)).toMatch(/\r\n\r\n2\r\nhi\r\n0\r\n\r\n$/)
  })

  it('takes requests that came before their turn one after the other', async () => {
    const { client, says, behind } = raise()
    client.write(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join(''))
    const service = await behind()
    const heard = reader(service)
    for (const path of ['/1', '/2', '/3']) {
      expect(await heard.until(/\r\n\r\n$/)).toMatch(`GET ${path} `)
      service.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${path}`)
      await says.until(new RegExp(`${path}$`))
    }
  })

  it('leaves a connection to Node at the first request of another shape, with all that was read', async () => {
    const { client, says, behind, byNode } = raise()
    client.write(`GET /1 HTTP/1.1\r\n${HOST}\r\n`)
    const service = await behind()
    service.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/1')
    await says.until(/\/1$/)
    client.write(`POST /2 HTTP/1.1\r\n${HOST}x: a\r\nx: b\r\nContent-Length: 1\r\n\r\nx`)
    await says.until(/Node read POST \/2$/)
    client.write(`GET /3 HTTP/1.1\r\n${HOST}\r\n`)
    await says.until(/Node read GET \/3$/)
    expect(byNode()).toBe(2)
  })

  it.each([
    ['a page of ours', `GET /careful HTTP/1.1\r\n${HOST}\r\n`, 'Node read GET /careful'],
    ['a head in pieces', 'GET /pieces HTTP/1.1\r\nho', ''],
    [
      'a body that is too large',
      `POST /large HTTP/1.1\r\n${HOST}Content-Length: 1001\r\n\r\n`,
      'Node read POST',
    ],
    ['garbage', 'garbage\r\n\r\n', 'HTTP/1.1 400 '],
  ])('leaves %s to Node', async (_, bytes, answer) => {
    const { client, says, dialled } = raise()
    await new Promise((taken) => client.write(bytes, taken))
    if (answer === '') client.write('st: a\r\n\r\n')
    await says.until(answer || 'Node read GET /pieces')
    expect(dialled).toEqual([])
  })

  it('waits for who looks a lease up, and for what comes meanwhile', async () => {
    let found: ((way: Way | undefined) => void) | undefined
    const { client, says, byNode } = raise({ find: () => new Promise((done) => (found = done)) })
    client.write(`POST /1 HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\na`)
    client.write('bc')
    client.write(`GET /2 HTTP/1.1\r\n${HOST}\r\n`)
    await expect.poll(() => found, { interval: 5 }).toBeDefined()
    found?.(undefined)
    await says.until(/Node read GET \/2$/)
    expect(byNode()).toBe(2)
  })

  it('repeats what changes nothing where a kept connection was closed just then, and nothing else', async () => {
    const { client, says, behind } = raise()
    const first = async () => {
      client.write(`GET /1 HTTP/1.1\r\n${HOST}\r\n`)
      return behind()
    }
    const service = await first()
    const heard = reader(service)
    await heard.until(/\/1/)
    service.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/1')
    await says.until(/\/1$/)
    client.write(`GET /2 HTTP/1.1\r\n${HOST}\r\n`)
    await heard.until(/\/2/)
    service.destroy()
    const second = await behind(1)
    const heardAgain = reader(second)
    await heardAgain.until(/GET \/2 /)
    second.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/2')
    await says.until(/\/2$/)
    client.write(`POST /3 HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`)
    await heardAgain.until(/POST \/3 /)
    second.destroy()
    expect(await says.until(/HTTP/)).toMatch(/^HTTP\/1\.1 502 /)
  })

  it.each([
    ['no answer at all', '', 502],
    ['an answer that is none', 'hello\r\n\r\n', 502],
    ['a head without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`, 502],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na', 502],
  ])('says what is wrong with %s, and closes', async (_, bytes, status) => {
    const { client, says, behind, ended } = raise()
    const closed = new Promise((done) => client.once('end', done))
    client.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`)
    const service = await behind()
    service.end(bytes)
    await closed
    expect(says.text()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*connection: close`))
    expect(ended).toEqual([status])
  })

  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
    ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ['wrong chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'],
  ])('breaks off an answer with %s whose end never came', async (_, bytes) => {
    const { client, says, behind } = raise()
    const closed = new Promise((done) => client.once('end', done))
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    const service = await behind()
    service.end(bytes)
    await closed
    expect(says.text()).not.toMatch(/0\r\n\r\n$/)
  })

  it('uses no connection again on which more came than the answer', async () => {
    const { client, says, behind } = raise()
    client.write(`GET /1 HTTP/1.1\r\n${HOST}\r\n`)
    const service = await behind()
    service.write(
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb',
    )
    await says.until(/a$/)
    client.write(`GET /2 HTTP/1.1\r\n${HOST}\r\n`)
    await reader(await behind(1)).until(/GET \/2 /)
    expect(says.text()).toBe('')
  })

  it('gives up a client that stops, a service that stops, and what is larger than it may be', async () => {
    const times = { silence: { clientMs: 30, sendMs: MINUTE, answerMs: MINUTE } }
    const slow = raise(times)
    slow.client.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\na`)
    expect(await slow.says.until(/HTTP/)).toMatch(/^HTTP\/1\.1 408 /)
    const silent = raise({ silence: { ...times.silence, answerMs: 30 } })
    silent.client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    expect(await silent.says.until(/HTTP/)).toMatch(/^HTTP\/1\.1 504 /)
    const large = raise()
    large.client.write(
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}`,
    )
    expect(await large.says.until(/HTTP/)).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('ends what is asked behind when the client leaves', async () => {
    const { client, behind, ended } = raise()
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    const service = await behind()
    const closed = new Promise((done) => service.resume().once('end', done))
    client.end()
    await closed
    expect(ended).toEqual([0])
  })

  it('reads no further than a client does', async () => {
    const { client, behind } = raise()
    client.pause()
    client.removeAllListeners('data')
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    const service = await behind()
    service.resume()
    service.write('HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n')
    let written = 0
    const fill = () => {
      while (written < 10_000_000 && service.write(Buffer.alloc(10_000))) written += 10_000
    }
    service.on('drain', fill)
    fill()
    // Until no more is taken between two looks.
    let before = -1
    const grew = () => {
      const more = written - before
      before = written
      return more
    }
    await expect.poll(grew, { interval: 10 }).toBe(0)
    expect(written).toBeLessThan(1_000_000)
  })

  it('takes no further requests while its server drains, and lets the present one end', async () => {
    const { client, says, behind, server } = raise()
    const closed = new Promise((done) => client.once('end', done))
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    const service = await behind()
    server.emit('draining')
    service.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na')
    await closed
    expect(says.text()).toMatch(/connection: close.*a$/s)
  })

  it('leaves a side that is found to be silent, for what may be asked twice and has no answer yet', async () => {
    let leave = () => {}
    let watched = 0
    const other = { target: 'u' } as Way
    const { client, says, behind, dialled } = raise({
      watch: (given) => {
        leave = given
        watched++
        return () => void watched--
      },
      instead: () => ({ ...other, lines: '', maxBodyBytes: 9, silence: SILENCE, refuse: () => SAID }),
    })
    client.write(`GET /a HTTP/1.1\r\n${HOST}\r\n`)
    const silent = await behind()
    await reader(silent).until(/GET/)
    expect(watched).toBe(1)
    leave()
    const service = await behind(1)
    await reader(service).until(/GET \/a/)
    expect(watched).toBe(0)
    service.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')
    await says.until(/hi$/)
    // Nor a body, nor an answer that has begun.
    client.write(`POST /a HTTP/1.1\r\n${HOST}content-length: 1\r\n\r\nx`)
    await reader(await behind(2)).until(/x$/)
    leave()
    ;(await behind(2)).write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh')
    await says.until(/h$/)
    leave()
    ;(await behind(2)).write('o')
    await says.until(/o$/)
    expect([dialled.length, watched]).toEqual([3, 0])
  })
})
