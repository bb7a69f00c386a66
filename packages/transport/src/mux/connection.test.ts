import { once } from 'node:events'
import { type Duplex, duplexPair, Transform } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { MAX_STREAMS, MuxConnection, type MuxOptions } from './connection.ts'
import { CREDIT, DATA, END, OPEN, PING, RESET } from './frame.ts'
import { FIRST_WINDOW_BYTES, MAX_SEND_BYTES, MAX_WINDOW_BYTES, type MuxStream } from './stream.ts'
import { encodeFrames, type Frame } from './testing.ts'

const MINUTE = 60_000
const opened: { destroy(): void }[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.destroy()
})

/** Two sides of a wire, and what ended them. */
function raise(accept: (stream: MuxStream) => void, options: Partial<MuxOptions> = {}, wire = duplexPair()) {
  const ends: { opener?: Error | undefined; acceptor?: Error | undefined } = {}
  const opener = new MuxConnection(wire[0], {
    idleMs: MINUTE,
    ...options,
    closed: (error) => {
      ends.opener = error
    },
  })
  const acceptor = new MuxConnection(wire[1], {
    idleMs: MINUTE,
    accept,
    closed: (error) => {
      ends.acceptor = error
    },
  })
  opened.push(wire[0], wire[1])
  return { opener, acceptor, ends, wire }
}

/** An acceptor whose other side is bytes of a test. */
function raiseRaw(accept: (stream: MuxStream) => void = () => {}) {
  const [mine, its] = duplexPair()
  let ended: Error | undefined | 'open' = 'open'
  const acceptor = new MuxConnection(its, {
    idleMs: MINUTE,
    accept,
    closed: (error) => {
      ended = error
    },
  })
  opened.push(mine, its)
  const send = (...frames: Frame[]) => mine.write(encodeFrames(frames))
  return { acceptor, send, mine, ended: () => ended }
}
const data = (stream: number, text: string | Buffer): Frame => ({
  kind: DATA,
  stream,
  bytes: Buffer.from(text),
})
const echo = (stream: MuxStream) => void stream.pipe(stream)

async function readAll(stream: Duplex): Promise<string> {
  let text = ''
  for await (const piece of stream) text += String(piece)
  return text
}

describe('streams over one connection', () => {
  it('carry bytes both ways and end in each direction by itself', async () => {
    const { opener } = raise((stream) => {
      stream.once('data', (first) => {
        stream.write(`${first} heard; `)
        stream.on('end', () => stream.end('end heard'))
      })
    })
    const stream = opener.open()
    stream.write('hello')
    await once(stream, 'readable')
    stream.end()
    expect(await readAll(stream)).toBe('hello heard; end heard')
    await expect.poll(() => opener.size).toBe(0)
    expect(opener.isClosed).toBe(false)
  })

  it('gather what is sent within a turn into one write', async () => {
    const { opener, wire } = raise(echo)
    let writes = 0
    const write = wire[0].write.bind(wire[0])
    wire[0].write = ((chunk: Buffer) => {
      writes++
      return write(chunk)
    }) as Duplex['write']
    const streams = Array.from({ length: 100 }, () => opener.open())
    for (const stream of streams) stream.end('one small question')
    for (const stream of streams) expect(await readAll(stream)).toBe('one small question')
    expect(writes).toBeLessThan(10)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('never mix, however they interleave (seed %i)', async (seed) => {
    const random = randomOf(seed)
    const cutter = () =>
      new Transform({
        transform(chunk: Buffer, _, done) {
          for (let at = 0; at < chunk.length; ) {
            const size = 1 + Math.floor(random() ** 4 * 5_000)
            this.push(chunk.subarray(at, at + size))
            at += size
          }
          done()
        },
      })
    const wire = wireThrough(cutter(), cutter())
    const { opener, ends } = raise(
      (stream) => {
        if (random() < 0.2) stream.once('data', () => setImmediate(() => stream.destroy()))
        stream.pipe(stream)
      },
      {},
      wire,
    )
    const work = async (name: number) => {
      const stream = opener.open()
      const size = Math.floor(random() ** 3 * 300_000)
      const all = Buffer.alloc(size, `${name},`)
      let come = Buffer.alloc(0)
      stream.on('data', (piece: Buffer) => {
        come = Buffer.concat([come, piece])
        if (random() < 0.1) {
          stream.pause()
          setImmediate(() => stream.resume())
        }
      })
      for (let at = 0; at < size; ) {
        const next = at + 1 + Math.floor(random() * 40_000)
        if (!stream.write(all.subarray(at, next)))
          await Promise.race([new Promise((done) => stream.once('drain', done)), closed(stream)])
        if (stream.destroyed) break
        at = next
      }
      if (random() < 0.2) stream.destroy()
      else stream.end()
      await closed(stream)
      expect(come.equals(all.subarray(0, come.length)), `stream ${name}`).toBe(true)
      return come.length === size
    }
    const whole = await Promise.all(Array.from({ length: 40 }, (_, name) => work(name)))
    expect(whole.filter(Boolean).length).toBeGreaterThan(10)
    expect([opener.isClosed, opener.size, ends.opener]).toEqual([false, 0, undefined])
  })

  it('of which one moves much let the others through', async () => {
    const { opener } = raise((stream) => void stream.pipe(stream))
    const bulk = opener.open()
    let come = 0
    bulk.on('data', (piece) => (come += piece.length))
    bulk.end(Buffer.alloc(8 * 1024 * 1024))
    await once(bulk, 'data')
    const small = opener.open()
    small.end('small')
    expect(await readAll(small)).toBe('small')
    expect(come).toBeLessThan(8 * 1024 * 1024)
    await closed(bulk)
    expect(come).toBe(8 * 1024 * 1024)
  })
})

describe('a reader that does not read', () => {
  it('is sent no more than its window, and holds nobody else up', async () => {
    const stuck: MuxStream[] = []
    const { opener } = raise((stream) => {
      stream.once('readable', () => {
        if (stream.read(1)?.toString() === 's') stuck.push(stream)
        else stream.pipe(stream)
      })
    })
    const writer = opener.open()
    let taken = 0
    const fill = () => {
      while (taken < 16 * MAX_WINDOW_BYTES && writer.write(Buffer.alloc(10_000, 's'))) taken += 10_000
    }
    writer.on('drain', fill)
    fill()
    for (let round = 0; round < 20; round++) {
      const other = opener.open()
      other.end(`e${'x'.repeat(FIRST_WINDOW_BYTES * 3)}`)
      expect((await readAll(other)).length).toBe(FIRST_WINDOW_BYTES * 3)
    }
    expect(stuck.length).toBe(1)
    expect(stuck[0]?.readableLength).toBeLessThanOrEqual(FIRST_WINDOW_BYTES)
    expect(taken - writer.writableLength).toBeLessThanOrEqual(2 * FIRST_WINDOW_BYTES + MAX_SEND_BYTES)
    // It goes on where it is read after all.
    stuck[0]?.resume()
    await expect.poll(() => taken).toBeGreaterThan(4 * FIRST_WINDOW_BYTES + MAX_SEND_BYTES)
  })

  it('keeps many small pieces in little more than their bytes', async () => {
    const { acceptor, send, ended } = raiseRaw()
    send({ kind: OPEN, stream: 1 })
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < FIRST_WINDOW_BYTES; i++) send(data(1, 'x'))
    await turn(50)
    expect([acceptor.size, ended()]).toEqual([1, 'open'])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
    send(data(1, 'x'))
    await expect.poll(() => String(ended())).toMatch('more data came than was granted')
  })
})

describe('a stream that is given up', () => {
  it('ends on the other side as broken, and nothing of it is sent any more', async () => {
    const accepted: MuxStream[] = []
    const { opener } = raise((stream) => void accepted.push(stream.resume() as MuxStream))
    const stream = opener.open()
    stream.write('a')
    await expect.poll(() => accepted.length).toBe(1)
    stream.destroy()
    const [error] = await once(accepted[0] as MuxStream, 'error')
    expect(error).toMatchObject({ code: 'ECONNRESET' })
    await expect.poll(() => opener.size).toBe(0)
    const next = opener.open()
    next.write('b')
    await expect.poll(() => accepted.length).toBe(2)
    expect(next.id).toBe(stream.id + 1)
    accepted[1]?.destroy()
    await closed(next)
  })

  it('is reset again where more of it comes, without harm to others', async () => {
    const streams: MuxStream[] = []
    const { send, mine, ended } = raiseRaw((stream) => void streams.push(stream))
    const answers: Buffer[] = []
    mine.on('data', (piece) => answers.push(piece))
    send({ kind: OPEN, stream: 1 }, data(1, 'a'), { kind: OPEN, stream: 2 }, data(2, 'b'))
    await expect.poll(() => streams.length).toBe(2)
    streams[0]?.destroy()
    await turn()
    send(data(1, 'late'), { kind: CREDIT, stream: 1, value: 5 }, { kind: END, stream: 1 })
    await turn(5)
    const reset = encodeFrames([{ kind: RESET, stream: 1 }])
    expect(Buffer.concat(answers)).toEqual(Buffer.concat([reset, reset]))
    expect([String(streams[1]?.read()), ended()]).toEqual(['b', 'open'])
  })
})

describe('frames that break the rules end the connection and every stream on it', () => {
  it.each([
    ['an id that is used again', [open(1), { kind: RESET, stream: 1 }, open(1)]],
    ['an id that goes back', [open(1), open(2), open(1)]],
    ['an id that leaps', [open(2)]],
    ['data of a stream that nobody opened', [data(3, 'a')]],
    ['a credit of a stream that nobody opened', [{ kind: CREDIT, stream: 2, value: 1 }]],
    ['a reset of a stream that nobody opened', [{ kind: RESET, stream: 2 }]],
    ['data after an end', [open(1), { kind: END, stream: 1 }, data(1, 'a')]],
    ['two ends', [open(1), { kind: END, stream: 1 }, { kind: END, stream: 1 }]],
    ['a credit of nothing', [open(1), data(1, 'a'), { kind: CREDIT, stream: 1, value: 0 }]],
    ['a credit that overflows', [open(1), data(1, 'a'), { kind: CREDIT, stream: 1, value: 0xffff_ffff }]],
    [
      'more data than was granted',
      [open(1), ...Array.from({ length: 3 }, () => data(1, Buffer.alloc(32 * 1024)))],
    ],
  ] as [string, Frame[]][])('%s', async (_, frames) => {
    const { acceptor, send, ended } = raiseRaw()
    send(...frames)
    await expect.poll(() => ended()).toBeInstanceOf(Error)
    expect([acceptor.size, acceptor.isClosed]).toEqual([0, true])
  })

  it('an opening by the side that opens none', async () => {
    const [mine, its] = duplexPair()
    opened.push(mine, its)
    let ended: Error | undefined
    const opener = new MuxConnection(its, { idleMs: MINUTE, closed: (error) => (ended = error) })
    const stream = opener.open()
    mine.write(encodeFrames([open(1)]))
    await closed(stream)
    expect(ended?.message).toMatch('opens none')
  })

  it('random bytes, and frames with a byte changed, take nothing with them', async () => {
    const random = randomOf(99)
    for (let round = 0; round < 300; round++) {
      const { acceptor, mine, ended } = raiseRaw(echo)
      const good = encodeFrames([open(1), data(1, 'abc'), open(2), data(2, 'de'), { kind: END, stream: 1 }])
      const bytes = Buffer.concat([good, Buffer.from(Array.from({ length: 40 }, () => random() * 256))])
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      mine.write(bytes)
      await turn(3)
      mine.end()
      await expect.poll(() => acceptor.isClosed).toBe(true)
      expect(ended()).not.toBe('open')
    }
  })

  it('questions without end from one that reads no answers', async () => {
    const { send, ended } = raiseRaw((stream) => stream.destroy())
    for (let id = 1; id < 40_000 && ended() === 'open'; id++) {
      send(open(id), data(id, 'a'), { kind: PING, stream: 0 })
      if (id % 100 === 0) await turn()
    }
    expect(String(ended())).toMatch('asks for more than it reads')
  })
})

describe('a connection', () => {
  it('takes so many streams and resets further ones', async () => {
    const { send, mine, acceptor, ended } = raiseRaw()
    let answer = Buffer.alloc(0)
    mine.on('data', (piece) => (answer = Buffer.concat([answer, piece])))
    send(...Array.from({ length: MAX_STREAMS + 1 }, (_, index) => open(index + 1)))
    await expect.poll(() => acceptor.size).toBe(MAX_STREAMS)
    await expect
      .poll(() => answer.equals(encodeFrames([{ kind: RESET, stream: MAX_STREAMS + 1 }])))
      .toBe(true)
    send({ kind: RESET, stream: 5 }, open(MAX_STREAMS + 2))
    await turn(5)
    expect([acceptor.size, ended()]).toEqual([MAX_STREAMS, 'open'])
  })

  it('is given up, with its streams, where the other side is silent, and only there', async () => {
    const { opener: live } = raise(echo, { pingMs: 10 })
    const [dead, wire] = duplexPair()
    opened.push(dead, wire)
    dead.resume()
    let ended: Error | undefined
    const lost = new MuxConnection(wire, { idleMs: MINUTE, pingMs: 10, closed: (error) => (ended = error) })
    const stream = lost.open()
    const other = live.open()
    other.write('a')
    await closed(stream)
    expect(ended?.message).toMatch('gone')
    await turn(100)
    expect([live.isClosed, other.destroyed]).toEqual([false, false])
  })

  it('whose other side leaves opens no more streams, and those that are open go on', async () => {
    const { opener, acceptor } = raise(echo)
    const stream = opener.open()
    stream.write('a')
    await once(stream, 'readable')
    acceptor.leave()
    await expect.poll(() => opener.isFull).toBe(true)
    stream.end('b')
    expect(await readAll(stream)).toBe('ab')
  })

  it('ends when it carries nothing for a while', async () => {
    const { opener, ends } = raise(echo, { idleMs: 20 })
    const stream = opener.open()
    stream.end('a')
    expect(await readAll(stream)).toBe('a')
    await expect.poll(() => opener.isClosed).toBe(true)
    expect(ends.opener).toBeUndefined()
  })

  it('that ends breaks its streams off on both sides', async () => {
    const accepted: MuxStream[] = []
    const { opener, wire } = raise((stream) => void accepted.push(stream))
    const stream = opener.open()
    stream.write('a')
    await expect.poll(() => accepted.length).toBe(1)
    wire[0].destroy()
    await closed(stream)
    await closed(accepted[0] as MuxStream)
    expect(() => opener.open()).toThrow('no more streams')
  })
})

function open(stream: number): Frame {
  return { kind: OPEN, stream }
}

async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await new Promise((done) => stream.once('close', done))
}

async function turn(times = 1): Promise<void> {
  for (let i = 0; i < times; i++) await new Promise((done) => setImmediate(done))
}

/** A wire whose bytes go through `there` and `back`. */
function wireThrough(there: Transform, back: Transform): [Duplex, Duplex] {
  const [a, aFar] = duplexPair()
  const [b, bFar] = duplexPair()
  aFar.pipe(there).pipe(bFar)
  bFar.pipe(back).pipe(aFar)
  return [a, b]
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
