import { CloisterError } from '@cloister/core'
import fc from 'fast-check'
import { parseSignature, recoverAddress, serializeSignature, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { parseKind, readChoice } from './choice.ts'
import { contentIdOf } from './content-id.ts'
import { MAX_ENVELOPE_BYTES, parseEnvelope, writeEnvelope } from './envelope.ts'
import { isSignedByKey } from './signature.ts'
import { DOMAIN, VOTE_TYPES } from './types.ts'
import { idOfVote, replaces, type Vote, voteTypedData } from './vote.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const vote: Vote = {
  from: account.address,
  space: 'cloister.eth',
  timestamp: 1_800_000_000,
  proposal: `0x${'ab'.repeat(32)}`,
  choice: 1,
  reason: 'für alle',
  app: '',
  metadata: '{}',
}
const signed = (one: Vote = vote) => account.signTypedData(voteTypedData(one) as never)
const envelope = async (changes: object = {}, message: object = {}) => ({
  address: account.address,
  sig: await signed(),
  data: { domain: DOMAIN, types: VOTE_TYPES.number, message: { ...vote, ...message } },
  ...changes,
})
const reasonOf = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(CloisterError)
    return (error as Error).message
  }
  throw new Error('nothing was refused')
}

describe('envelopes', () => {
  it('are read into the vote that was signed', async () => {
    const read = parseEnvelope(JSON.stringify(await envelope()))
    expect(read).toMatchObject(vote)
    expect(await recoverAddress({ hash: read.id, signature: read.signature })).toBe(account.address)
    expect(parseEnvelope(writeEnvelope(read))).toEqual(read)
  })

  it('of all forms of choices are read', async () => {
    for (const [choice, types] of [
      [[2, 1], VOTE_TYPES.list],
      ['{"1":1}', VOTE_TYPES.text],
    ] as const) {
      const sig = await signed({ ...vote, choice: choice as never })
      const data = { domain: DOMAIN, types, message: { ...vote, choice } }
      const read = parseEnvelope(JSON.stringify(await envelope({ sig, data })))
      expect(await recoverAddress({ hash: read.id, signature: read.signature })).toBe(account.address)
    }
  })

  it('are refused with the reason', async () => {
    const other = `0x${'22'.repeat(20)}`
    const cases: [object, object, RegExp][] = [
      [{ address: other }, {}, /signed by 0x2222.* for 0x19E7/],
      [{}, { from: account.address.toLowerCase() }, /not written as 0x19E7/],
      [{}, { proposal: `0x${'AB'.repeat(32)}` }, /no ballot’s id/],
      [{}, { choice: -1 }, /data\.message\.choice/],
      [{}, { choice: [1] }, /not of the type that it was signed as/],
      [{}, { timestamp: 1.5 }, /data\.message\.timestamp/],
      [{}, { reason: '\ud800' }, /no Unicode/],
      [{}, { more: 1 }, /data\.message/],
      [{ sig: '0x123' }, {}, /sig/],
      [{ sig: `0x${'ff'.repeat(65)}` }, {}, /high s/],
    ]
    const base = await envelope()
    const { data } = base
    for (const [changes, message, why] of cases) {
      const changed = await envelope(changes, message)
      expect(reasonOf(() => parseEnvelope(JSON.stringify(changed)))).toMatch(why)
    }
    const chain = { ...data, domain: { ...DOMAIN, chainId: 1 } }
    expect(reasonOf(() => parseEnvelope(JSON.stringify({ ...base, data: chain })))).toMatch(/domain/)
    const types = { Vote: [...VOTE_TYPES.number.Vote].reverse() }
    expect(reasonOf(() => parseEnvelope(JSON.stringify({ ...base, data: { ...data, types } })))).toMatch(
      /types are no vote/,
    )
    expect(reasonOf(() => parseEnvelope('x'.repeat(MAX_ENVELOPE_BYTES + 1)))).toMatch(/at most/)
    expect(reasonOf(() => parseEnvelope('{'))).toMatch(/no JSON/)
  })

  it('never break the reader, whatever they are', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        reasonOf(() => parseEnvelope(json))
      }),
    )
  })
})

describe('votes', () => {
  it('are signed by a key where the contract would take the signature, with the lower of two values', async () => {
    const id = idOfVote(vote)
    const signature = await signed()
    expect(await isSignedByKey({ ...vote, id, signature })).toBe(true)
    const { r, s, yParity } = parseSignature(signature)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const other = serializeSignature({ r, s: toHex(order - BigInt(s), { size: 32 }), yParity: 1 - yParity })
    // The same key's by all rules but that one (EIP-2).
    expect(await recoverAddress({ hash: id, signature: other })).toBe(account.address)
    expect(await isSignedByKey({ ...vote, id, signature: other })).toBe(false)
  })

  it('take the place of earlier ones, and of one second the greater id counts', () => {
    const id = (digit: string) => `0x${digit.repeat(64)}` as const
    expect(replaces({ timestamp: 2, id: id('1') }, { timestamp: 1, id: id('2') })).toBe(true)
    expect(replaces({ timestamp: 1, id: id('1') }, { timestamp: 1, id: id('2') })).toBe(false)
    expect(replaces({ timestamp: 1, id: id('2') }, { timestamp: 1, id: id('1') })).toBe(true)
    expect(replaces({ timestamp: 1, id: id('2') }, { timestamp: 1, id: id('2') })).toBe(false)
  })

  it('are published under what IPFS calls the same bytes', () =>
    expect(contentIdOf('hello world')).toBe('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'))
})

describe('choices', () => {
  it('are read by the kind of the ballot', () => {
    expect(readChoice('basic', 3, 3)).toEqual({ form: 'one', choice: 3 })
    expect(readChoice('approval', 5, [5, 1])).toEqual({ form: 'some', choices: [5, 1] })
    expect(readChoice('ranked-choice', 3, [3, 1, 2])).toEqual({ form: 'order', order: [3, 1, 2] })
    expect(readChoice('weighted', 3, '{"3":2,"1":1}')).toEqual({ form: 'weights', weights: [1, 0, 2] })
  })

  it('that can not be counted are refused with the reason', () => {
    const cases: [Parameters<typeof readChoice>, RegExp][] = [
      [['basic', 3, 0], /none of the choices/],
      [['basic', 3, 4], /none of the choices/],
      [['basic', 3, [1]], /no number/],
      [['approval', 3, []], /names no choice/],
      [['approval', 3, [1, 1]], /twice/],
      [['approval', 3, 1], /no list/],
      [['ranked-choice', 3, [1, 2]], /has to rank all/],
      [['weighted', 3, 1], /no JSON/],
      [['weighted', 3, '{"1":0}'], /all its weights are zero/],
      [['weighted', 3, '{"1":0.5}'], /whole numbers/],
      [['weighted', 3, '{"1":-1}'], /whole numbers/],
      [['weighted', 3, '{ "1":1}'], /no spaces/],
      [['weighted', 3, '{"1":1,"1":2}'], /twice/],
      [['weighted', 3, '{"4":1}'], /none of the choices/],
      [['weighted', 3, '{"1":65536}'], /more than/],
      [['weighted', 3, '{"1":01}'], /whole numbers/],
      [['weighted', 3, `{"1":${'1'.repeat(300)}}`], /characters/],
    ]
    for (const [given, why] of cases) expect(reasonOf(() => readChoice(...given))).toMatch(why)
  })

  it('of kinds that have no exact sum on the chain are refused', () => {
    expect(parseKind('weighted')).toBe('weighted')
    expect(reasonOf(() => parseKind('quadratic'))).toMatch(/square roots/)
    expect(reasonOf(() => parseKind('shutter'))).toMatch(/encrypted/)
    expect(reasonOf(() => parseKind('else'))).toMatch(/no kind/)
  })
})
