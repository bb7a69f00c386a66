import { createServer } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { SERVER_OPTIONS } from '../server.ts'
import { directFront } from './front.ts'
import type { Gathering, Way } from './relay.ts'
import type { Said } from './write.ts'

const MINUTE = 60_000
const SILENCE = { clientMs: MINUTE, sendMs: MINUTE, answerMs: MINUTE }
const ends: Duplex[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end.destroy()
})

function reader(connection: Duplex) {
  let text = ''
  connection.on('data', (piece: Buffer) => (text += piece.toString('latin1')))
  return async (what: string) => {
    await expect.poll(() => text, { interval: 5 }).toMatch(new RegExp(what))
    const all = text
    text = ''
    return all
  }
}

/** A front whose requests go where the first word of their body says; `no` is refused. */
function raise(options: Partial<Way> & { wait?: Promise<unknown>; maxBodyBytes?: number } = {}) {
  const server = createServer(SERVER_OPTIONS)
  const dialled: { target: string; end: Duplex }[] = []
  const begun: number[] = []
  const ended: number[] = []
  const wayOf = (body: Buffer): Way | Said => {
    const [target = ''] = String(body).split(' ')
    if (target === 'no') return { status: 400, headers: { 'x-page': '1' }, body: 'no' }
    return {
      target,
      lines: `x-target: ${target}\r\n`,
      body,
      maxBodyBytes: 1000,
      silence: SILENCE,
      refuse: ({ status, message }) => ({ status, headers: {}, body: message }),
      intercept: ({ status }) => (status === 503 ? { status, headers: {}, body: 'ours' } : undefined),
      answered: () => 'x-answered: 1\r\n',
      removed: new Set(['x-secret']),
      began: () => void begun.push(1),
      ended: (status) => void ended.push(status),
      ...options,
    }
  }
  const gathering: Gathering = {
    maxBodyBytes: options.maxBodyBytes ?? 1000,
    silence: SILENCE,
    refuse: ({ status, message }) => ({ status, headers: {}, body: message }),
    whole: (body) => (options.wait ? options.wait.then(() => wayOf(body)) : wayOf(body)),
  }
  const read = directFront(server, {
    find: () => gathering,
    dial: async (target) => {
      if (target === 'nowhere') throw new Error('nobody listens')
      const [mine, end] = duplexPair()
      ends.push(mine, end)
      dialled.push({ target, end })
      return mine
    },
    careful: (client) => client.destroy(),
    replaced: new Set(['x-target']),
    removed: new Set(),
    tellsKeepAlive: true,
  })
  const [client, its] = duplexPair()
  ends.push(client, its)
  read(its)
  const behind = async (index = 0) => {
    await expect.poll(() => dialled.length, { interval: 5 }).toBeGreaterThan(index)
    return (dialled[index] as { end: Duplex }).end
  }
  const post = (body: string) =>
    client.write(`POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  return { client, says: reader(client), behind, dialled, begun, ended, post }
}

const other = (target: string, more: Partial<Way> = {}): Way => ({
  target,
  lines: 'x-target: other\r\n',
  body: Buffer.from('other body'),
  maxBodyBytes: 1000,
  silence: SILENCE,
  refuse: ({ status, message }) => ({ status, headers: {}, body: message }),
  ...more,
})

describe('a request that goes where its body says', () => {
  it('is led on whole, also where it came in chunks and in pieces, and its connection is used again', async () => {
    const { client, says, behind, post, begun, ended, dialled } = raise()
    client.write(
      'POST /x HTTP/1.1\r\nhost: a\r\nx-target: mine\r\ntransfer-encoding: chunked\r\n\r\n4\r\none ',
    )
    client.write('\r\n3\r\ntwo\r\n0\r\n\r\n')
    const first = await behind()
    const asked = reader(first)
    expect(await asked('two')).toBe(
      'POST /x HTTP/1.1\r\nhost: a\r\nx-target: one\r\ncontent-length: 7\r\n\r\none two',
    )
    first.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-secret: s\r\n\r\nhi')
    const answer = await says('hi$')
    expect(answer).toContain('x-answered: 1\r\n')
    expect(answer).not.toContain('x-secret')
    expect([begun, ended]).toEqual([[1], [200]])
    post('one more')
    expect(await asked('more')).toContain('content-length: 8')
    first.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    await says('content-length: 0')
    post('two')
    await behind(1)
    expect(dialled.map(({ target }) => target)).toEqual(['one', 'two'])
  })

  it('waits for who looks after it, and keeps what came before its turn', async () => {
    let found = () => {}
    const wait = new Promise<void>((done) => {
      found = done
    })
    const { client, says, behind, post } = raise({ wait })
    post('one a')
    post('one b')
    found()
    const there = await behind()
    const asked = reader(there)
    await asked('one a$')
    there.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1')
    await says('1$')
    await asked('one b$')
    client.destroy()
    await expect.poll(() => there.destroyed || there.readableEnded, { interval: 5 }).toBe(true)
  })

  it('is refused with its connection kept, and with it closed where more would come', async () => {
    const { client, says, post, dialled } = raise({ maxBodyBytes: 10 })
    post('no')
    expect(await says('no$')).toContain('connection: keep-alive')
    post('no')
    await says('no$')
    client.write('POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nb\r\nfar too big\r\n')
    expect(await says('10 bytes')).toMatch(/^HTTP\/1.1 413[\s\S]*connection: close/)
    expect(dialled).toEqual([])
  })

  it('is sent elsewhere where it came to nothing, before a byte of an answer', async () => {
    for (const how of ['refused', 'closed', 'nowhere', 'silent'] as const) {
      let leave = () => {}
      const { says, behind, post, ended, dialled } = raise({
        instead: () => other('second'),
        ...(how === 'silent' && {
          watch: (tell: () => void) => {
            leave = tell
            return () => {}
          },
        }),
      })
      post(how === 'nowhere' ? 'nowhere' : 'first')
      if (how !== 'nowhere') {
        const first = await behind()
        await reader(first)('first')
        if (how === 'refused') first.write('HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy')
        else if (how === 'closed') first.end('HTTP/1.1 20')
        else leave()
      }
      const second = await behind(how === 'nowhere' ? 0 : 1)
      expect(dialled.at(-1)?.target).toBe('second')
      expect(await reader(second)('body$')).toContain(
        'x-target: other\r\ncontent-length: 10\r\n\r\nother body',
      )
      second.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')
      await says('hi$')
      // Whoever had it last is told.
      expect(ended).toEqual([])
    }
  })

  it('goes again over a new connection where a kept one was closed just then', async () => {
    const { says, behind, post } = raise()
    post('one a')
    const first = await behind()
    const asked = reader(first)
    await asked('one a')
    first.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')
    await says('hi$')
    post('one b')
    await asked('one b')
    first.destroy()
    const second = await behind(1)
    await reader(second)('one b')
    second.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nho')
    await says('ho$')
  })

  it('has a last word in an answer that breaks off, and none in one with a length', async () => {
    const { says, behind, post, ended } = raise({ lastWords: () => 'sorry' })
    post('one')
    const first = await behind()
    first.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n')
    await says('hi')
    first.destroy()
    expect(await says('0\r\n\r\n$')).toBe('5\r\nsorry\r\n0\r\n\r\n')
    expect(ended).toEqual([200])
    const again = raise({ lastWords: () => 'sorry' })
    again.post('one')
    const behindAgain = await again.behind()
    behindAgain.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi')
    await again.says('hi')
    behindAgain.destroy()
    await expect.poll(() => again.client.destroyed || again.client.readableEnded, { interval: 5 }).toBe(true)
    await expect.poll(() => again.ended, { interval: 5 }).toEqual([200])
  })
})
