import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Announcers } from './announced.ts'
import { type End, readProxyHeader, writeProxyHeader } from './proxy-protocol.ts'

const end = (address: string, port: number): End => ({ address, port })
const CLIENT = end('192.0.2.7', 4711)
const SERVER = end('198.51.100.1', 443)

describe('a header of the PROXY protocol', () => {
  it('is as the specification has it', () => {
    expect(String(writeProxyHeader('v1', CLIENT, SERVER))).toBe(
      'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n',
    )
    expect(String(writeProxyHeader('v1', end('2001:db8::1', 1), end('::1', 2)))).toBe(
      'PROXY TCP6 2001:db8::1 ::1 1 2\r\n',
    )
    expect(String(writeProxyHeader('v1', undefined, undefined))).toBe('PROXY UNKNOWN\r\n')
    expect(writeProxyHeader('v2', CLIENT, SERVER).toString('hex')).toBe(
      '0d0a0d0a000d0a515549540a2111000cc0000207c633640112' + '6701bb',
    )
  })

  it('has IPv4 within IPv6 as IPv4, and both as IPv6 where one is', () => {
    expect(String(writeProxyHeader('v1', end('::ffff:192.0.2.7', 1), SERVER))).toContain('TCP4 192.0.2.7 ')
    expect(String(writeProxyHeader('v1', CLIENT, end('2001:db8::1', 2)))).toContain(
      'TCP6 ::ffff:192.0.2.7 2001:db8::1',
    )
  })

  it('is read as it was written, however it is cut', () => {
    const value = new Map([
      [2, Buffer.from('app.example.org')],
      [0xe0, Buffer.alloc(32, 7)],
    ])
    const family = fc.oneof(
      fc.tuple(fc.ipV4(), fc.ipV4()),
      fc.constant(['2001:db8::7', 'fe80::1'] as [string, string]),
    )
    const port = fc.integer({ min: 0, max: 65_535 })
    fc.assert(
      fc.property(
        family,
        port,
        port,
        fc.constantFrom('v1' as const, 'v2' as const),
        ([from, to], one, two, version) => {
          const bytes = Buffer.concat([
            writeProxyHeader(version, end(from, one), end(to, two), value),
            Buffer.from('rest'),
          ])
          const length = bytes.length - 4
          for (let at = 0; at < length; at++)
            expect(readProxyHeader(bytes.subarray(0, at)).state).toBe('more')
          expect(readProxyHeader(bytes)).toMatchObject({
            state: 'read',
            bytes: length,
            header: { client: end(from, one), server: end(to, two) },
          })
        },
      ),
      { numRuns: 30 },
    )
    const read = readProxyHeader(writeProxyHeader('v2', CLIENT, SERVER, value))
    expect(read.state === 'read' && read.header.values).toEqual(value)
  })

  it.each([
    ['PROXY TCP4 192.0.2.7 198.51.100.1 4711 443', 'more'],
    [`PROXY ${'x'.repeat(120)}`, 'bad'],
    ['PROXY TCP4 ::1 ::1 1 2\r\n', 'bad'],
    ['PROXY TCP4 192.0.2.7 198.51.100.1 4711 70000\r\n', 'bad'],
    ['PROXY UNKNOWN and more\r\n', 'read'],
    ['GET / HTTP/1.1\r\n', 'none'],
    ['\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0', 'bad'],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04', 'bad'],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x00\0\x04\x02\0\x05a', 'bad'],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x00\xff\xff', 'bad'],
    ['\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0', 'read'],
  ])('%j is %s', (text, state) => expect(readProxyHeader(Buffer.from(text, 'latin1')).state).toBe(state))

  it('never throws', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readProxyHeader(Buffer.from(bytes))),
    ))
})

describe('whoever announces connections', () => {
  const received = async (trusted: string[], send: string) => {
    const announcers = new Announcers(trusted)
    const server = createServer()
    const got = new Promise<{ address: string | undefined; text: string } | undefined>((done) => {
      server.on('connection', (socket: Socket) => {
        socket.on('close', () => done(undefined))
        announcers.read(socket, () =>
          socket.once('data', (data) => done({ address: socket.remoteAddress, text: String(data) })),
        )
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const client = connect(port, '127.0.0.1').on('error', () => {})
    client.write(send)
    const found = await got
    client.destroy()
    server.close()
    return found
  }
  const HEADER = 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n'

  it('is believed where it is trusted', async () =>
    expect(await received(['127.0.0.0/8'], `${HEADER}hello`)).toEqual({
      address: '192.0.2.7',
      text: 'hello',
    }))
  it('has to say something there', async () =>
    expect(await received(['127.0.0.1'], 'hello there')).toBeUndefined())
  it('is nobody elsewhere', async () =>
    expect(await received(['192.0.2.0/24'], `${HEADER}hello`)).toEqual({
      address: '127.0.0.1',
      text: `${HEADER}hello`,
    }))
  it.each(['', 'example.org', '192.0.2.0/33', '::1/129', '192.0.2.0/x'])('is not %j', (network) =>
    expect(() => new Announcers([network])).toThrow('no address or network'),
  )
})
