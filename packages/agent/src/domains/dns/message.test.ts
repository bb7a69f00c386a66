import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readMessage, readName, readText, TYPE, writeName, writeQuestion, writeUpdate } from './message.ts'
import { checkAnswer, signMessage } from './tsig.ts'

const KEY = {
  name: 'acme',
  algorithm: 'hmac-sha256' as const,
  secret: Buffer.from('a secret of 23 bytes...').toString('base64'),
}
const NOW = 1_800_000_000

/** What a server answers to a signed request, signed with it (RFC 8945, section 5.3.1). */
function answerTo(signed: Buffer, mac: Buffer, key = KEY, at = NOW): Buffer {
  const answer = Buffer.from(signed.subarray(0, 12))
  answer.writeUInt16BE(0xa800, 2)
  for (const count of [4, 6, 8, 10]) answer.writeUInt16BE(0, count)
  const length = Buffer.from([0, mac.length])
  // An answer's signature is over the request's and itself: the request's comes first.
  const prefixed = signMessage(Buffer.concat([length, mac, answer]), key, at)
  const own = signMessage(answer, key, at)
  prefixed.mac.copy(own.signed, own.signed.length - prefixed.mac.length - 6)
  return own.signed
}

describe('a message of DNS', () => {
  it('is a question', () => {
    const bytes = writeQuestion(7, 'Example.org', TYPE.txt)
    expect(bytes.toString('hex')).toBe('000700000001000000000000076578616d706c65036f72670000100001')
    expect(readMessage(bytes)).toMatchObject({ id: 7, isAnswer: false, answers: [] })
  })

  it('is an update that adds a text, or takes it away', () => {
    const add = readMessage(writeUpdate(1, 'example.org', { name: 'a.example.org', text: 'x', ttl: 60 }))
    expect(add.authority).toMatchObject([{ name: 'a.example.org', type: 16, class: 1 }])
    expect(readText(add.authority[0]?.data ?? Buffer.alloc(0))).toBe('x')
    const remove = readMessage(writeUpdate(1, 'example.org', { name: 'a.example.org', text: 'x' }))
    expect(remove.authority).toMatchObject([{ class: 254 }])
  })

  it('has names that lead back and never in a circle', () => {
    const name = writeName('a.example.org')
    const bytes = Buffer.concat([name, Buffer.from([1, 98, 0xc0, 2])])
    expect(readName(bytes, name.length)).toEqual({ name: 'b.example.org', end: bytes.length })
    expect(() => readName(Buffer.from([0xc0, 0]), 0)).toThrow('no message of DNS')
    expect(() => readName(Buffer.from([1, 97, 0xc0, 0]), 0)).toThrow('no message of DNS')
    expect(() => writeName(`${'a'.repeat(64)}.org`)).toThrow('too long')
  })

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readMessage(Buffer.from(bytes))
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-answer' })
        }
      }),
    )
  })
})

describe('a signature on a message', () => {
  const { signed, mac } = signMessage(
    writeUpdate(9, 'example.org', { name: 'a.example.org', text: 'x', ttl: 60 }),
    KEY,
    NOW,
  )
  const check = (bytes: Buffer, now = NOW) => checkAnswer(bytes, readMessage(bytes), KEY, mac, now)

  it('is the last record, over the message and its own time', () => {
    const { additional } = readMessage(signed)
    expect(additional).toMatchObject([{ name: 'acme', type: TYPE.tsig, class: 255 }])
  })

  it('is asked of the answer, together with the request’s', () => {
    expect(() => check(answerTo(signed, mac))).not.toThrow()
    const other = Buffer.from(mac)
    other[0] = (other[0] as number) ^ 1
    expect(() => check(answerTo(signed, other))).toThrow('signed by another key')
    const secret = Buffer.from('another secret, 27 bytes...').toString('base64')
    expect(() => check(answerTo(signed, mac, { ...KEY, secret }))).toThrow('signed by another key')
    expect(() => check(answerTo(signed, mac), NOW + 301)).toThrow('at another time')
  })

  it('may not be missing where all is well', () => {
    const bare = answerTo(signed, mac).subarray(0, 12)
    bare.writeUInt16BE(0, 10)
    expect(() => check(bare)).toThrow('is not signed')
    bare.writeUInt16BE(0xa805, 2)
    expect(() => check(bare)).not.toThrow()
  })
})
