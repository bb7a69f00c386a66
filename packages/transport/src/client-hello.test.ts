import { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_HELLO_BYTES, readClientHello } from './client-hello.ts'

/** The first bytes of Node's own client. */
function helloFor(servername?: string): Promise<Buffer> {
  return new Promise((done) => {
    const wire = new Duplex({ read: () => {}, write: (bytes: Buffer) => done(Buffer.from(bytes)) })
    connect({ socket: wire as never, ...(servername !== undefined && { servername }) }).on('error', () => {})
  })
}

/** The same handshake in records of `size` bytes. */
function inRecordsOf(hello: Buffer, size: number): Buffer {
  const handshake = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < handshake.length; at += size) {
    const piece = handshake.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 255]), piece)
  }
  return Buffer.concat(records)
}

describe('a ClientHello', () => {
  it('says which host is wanted, or none', async () => {
    expect(readClientHello(await helloFor('App.Example.org'))).toEqual({
      state: 'whole',
      name: 'app.example.org',
    })
    expect(readClientHello(await helloFor())).toEqual({ state: 'whole', name: undefined })
  })

  it('is read in as many pieces and records as it comes', async () => {
    const hello = await helloFor('app.example.org')
    for (const size of [1, 3, 100, 5_000]) {
      const cut = inRecordsOf(hello, size)
      for (let at = 0; at < cut.length; at += 11)
        expect(readClientHello(cut.subarray(0, at)).state).toBe('more')
      expect(readClientHello(cut)).toEqual({ state: 'whole', name: 'app.example.org' })
    }
  })

  it('is bad where anything in it is cut short, changed in length, or too long', async () => {
    const hello = await helloFor('app.example.org')
    expect(readClientHello(Buffer.from('GET / HTTP/1.1')).state).toBe('bad')
    expect(readClientHello(Buffer.from([22, 3, 1, 0, 0])).state).toBe('bad')
    expect(readClientHello(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])).state).toBe('bad')
    expect(readClientHello(Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255])).state).toBe('bad')
    const at = hello.indexOf('app.example.org')
    const longer = Buffer.from(hello)
    longer.writeUInt16BE(16, at - 2)
    expect(readClientHello(longer).state).toBe('bad')
    const odd = Buffer.from(hello)
    odd[at] = 0
    expect(readClientHello(odd).state).toBe('bad')
    const endless = Buffer.concat([
      Buffer.from([22, 3, 1, 64, 0, 1, 0, 63, 0]),
      Buffer.alloc(MAX_HELLO_BYTES),
    ])
    expect(readClientHello(endless.subarray(0, MAX_HELLO_BYTES)).state).toBe('bad')
  })

  it('never throws, whatever comes', async () => {
    const hello = await helloFor('app.example.org')
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(hello)
        changed[at] = byte
        readClientHello(changed)
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readClientHello(Buffer.from(bytes))),
    )
  })
})
