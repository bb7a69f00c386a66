import fc from 'fast-check'
import {
  type AbiEvent,
  decodeEventLog,
  encodeAbiParameters,
  encodeEventTopics,
  getAddress,
  type Hex,
  toHex,
} from 'viem'
import { expect, test } from 'vitest'
import { decoderOf } from './decode.ts'

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => toHex(value))
const whole = (from: bigint, bits: number, to: bigint) => {
  const value = fc.oneof(fc.bigInt({ min: from, max: to }), fc.constantFrom(from, to))
  return bits <= 48 ? value.map(Number) : value
}
/** Types of a word each, with any value that they have. */
const WORDS: { type: string; any: fc.Arbitrary<unknown> }[] = [
  { type: 'address', any: hex(20).map((value) => getAddress(value)) },
  { type: 'bool', any: fc.boolean() },
  ...[1, 4, 31, 32].map((bytes) => ({ type: `bytes${bytes}`, any: hex(bytes) })),
  ...[8, 32, 48, 56, 64, 128, 256].flatMap((bits) => [
    { type: `uint${bits}`, any: whole(0n, bits, 2n ** BigInt(bits) - 1n) },
    { type: `int${bits}`, any: whole(-(2n ** BigInt(bits - 1)), bits, 2n ** BigInt(bits - 1) - 1n) },
  ]),
]
const OTHERS: typeof WORDS = [
  { type: 'string', any: fc.string({ maxLength: 70 }) },
  { type: 'bytes', any: fc.integer({ min: 1, max: 70 }).chain(hex) },
  { type: 'uint64[]', any: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 4 }) },
]
const argument = fc
  .tuple(fc.constantFrom(...WORDS, ...OTHERS), fc.boolean())
  // viem writes no topic of a list.
  .chain(([{ type, any }, indexed]) =>
    any.map((value) => ({ type, indexed: indexed && !type.endsWith(']'), value })),
  )

/** An event with arguments, and its log as a contract would write it. */
function logOf(given: { type: string; indexed: boolean; value: unknown }[]) {
  let topics = 0
  const inputs = given.map(({ type, indexed }, at) => ({
    name: `of${at}`,
    type,
    indexed: indexed && topics++ < 3,
  }))
  const event: AbiEvent = { type: 'event', name: 'Happened', inputs }
  const values = given.map(({ value }) => value)
  const inData = (_: unknown, at: number) => !inputs[at]?.indexed
  return {
    event,
    topics: encodeEventTopics({
      abi: [event],
      args: Object.fromEntries(inputs.map(({ name }, at) => [name, values[at]])),
    }) as [Hex, ...Hex[]],
    data: encodeAbiParameters(inputs.filter(inData), values.filter(inData)),
  }
}

test('events are decoded as viem decodes them', () => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 8 }), (given) => {
      const { event, topics, data } = logOf(given)
      const expected = decodeEventLog({ abi: [event], topics, data, strict: true }).args ?? {}
      expect(decoderOf(event)({ topics, data })).toEqual(expected)
      // Nodes may write hexadecimal digits in either case.
      const loud = `0x${data.slice(2).toUpperCase()}` as const
      expect(decoderOf(event)({ topics, data: loud })).toEqual(expected)
    }),
  )
})

test('what is no such event is refused', () => {
  const { event, topics, data } = logOf([
    { type: 'uint256', indexed: true, value: 1n },
    { type: 'bool', indexed: false, value: true },
    { type: 'uint64', indexed: false, value: 2n },
  ])
  const decode = decoderOf(event)
  expect(decode({ topics, data })).toEqual({ of0: 1n, of1: true, of2: 2n })
  expect(() => decode({ topics: topics.slice(0, 1), data })).toThrow('An event has no of0')
  expect(() => decode({ topics, data: data.slice(0, -2) as Hex })).toThrow()
  expect(() => decode({ topics, data: '0x' })).toThrow()
  expect(() => decode({ topics, data: data.replace('1', '2') as Hex })).toThrow()
})
