import { CloisterError } from '@cloister/core'
import { type AbiEvent, type AbiParameter, checksumAddress, decodeAbiParameters, type Hex } from 'viem'

/** What an event is decoded from: topics with its selector first, and data. */
interface Encoded {
  topics: readonly Hex[]
  data: Hex
}

/** Reads the arguments of an event by name. Throws viem's errors for what isn't such an event. */
export type Decode = (log: Encoded) => Record<string, unknown>

/** Reads a word, 64 hexadecimal digits; undefined for one that the type doesn't have. */
type ReadWord = (word: string) => unknown

const DIGITS = 64
const TRUE = '1'.padStart(DIGITS, '0')
const FALSE = '0'.repeat(DIGITS)
/** viem's rule: what fits into 48 bits is a number. */
const NUMBER_BITS = 48

/**
 * A decoder for an event, with viem's results. Most events are of whole words alone, and are read word by
 * word where they stand: viem's general decoder, which is asked for everything else, takes ten times as long.
 */
export function decoderOf(event: AbiEvent): Decode {
  const inData = event.inputs.filter(({ indexed }) => !indexed)
  const readers = inData.map(wordReader)
  const readData = readers.every((read) => read !== undefined)
    ? (data: Hex) => readWords(readers, data) ?? decodeAbiParameters(inData, data)
    : (data: Hex) => decodeAbiParameters(inData, data)
  const arguments_ = event.inputs.map((input) => ({
    name: input.name ?? '',
    indexed: input.indexed === true,
    readTopic: topicReader(input),
  }))
  return ({ topics, data }) => {
    const values: readonly unknown[] = readData(data)
    const args: Record<string, unknown> = {}
    let [topic, value] = [1, 0]
    for (const { name, indexed, readTopic } of arguments_)
      args[name] = indexed ? readTopic(topics[topic++]) : values[value++]
    return args
  }
}

/** The words that data begins with; undefined where it isn't what the readers expect. */
function readWords(readers: readonly ReadWord[], data: Hex): unknown[] | undefined {
  if (data.length < 2 + readers.length * DIGITS) return undefined
  const digits = data.toLowerCase()
  const values: unknown[] = []
  for (let at = 2; values.length < readers.length; at += DIGITS) {
    const value = readers[values.length]?.(digits.slice(at, at + DIGITS))
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

/** Reads an indexed argument. Of what is longer than a word the chain keeps the hash alone. */
function topicReader(input: AbiParameter): (topic: Hex | undefined) => unknown {
  const isHash = input.type === 'string' || input.type === 'bytes' || /\[\d*\]$|^tuple/.test(input.type)
  const read = wordReader(input)
  return (topic) => {
    if (topic === undefined) throw new CloisterError('bad-answer', `An event has no ${input.name}.`)
    if (isHash) return topic
    const value = topic.length === 2 + DIGITS ? read?.(topic.slice(2).toLowerCase()) : undefined
    return value ?? decodeAbiParameters([input], topic)[0]
  }
}

/** Reads what is a word of its own; undefined for other types. */
function wordReader({ type }: AbiParameter): ReadWord | undefined {
  if (type === 'address') return (word) => checksumAddress(`0x${word.slice(24)}`)
  if (type === 'bool') return (word) => (word === TRUE ? true : word === FALSE ? false : undefined)
  const [, kind, size] = /^(u?int|bytes)(\d+)$/.exec(type) ?? []
  if (kind === undefined) return undefined
  if (kind === 'bytes') return (word) => `0x${word.slice(0, 2 * Number(size))}`
  const read = kind === 'int' ? (word: string) => BigInt.asIntN(256, BigInt(`0x${word}`)) : unsigned
  return Number(size) > NUMBER_BITS ? read : (word) => Number(read(word))
}

function unsigned(word: string): bigint {
  return BigInt(`0x${word}`)
}
