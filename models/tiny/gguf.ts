// GGUF version 3 (ggml's docs/gguf.md): a header, keys with values, descriptions of tensors, their data.

const MAGIC = 'GGUF'
const VERSION = 3
const ALIGNMENT = 32
/** Types of values, by the file's numbers. */
const U32 = 4
const I32 = 5
const F32 = 6
const BOOL = 7
const STRING = 8
const ARRAY = 9
/** Numbers of a block of Q8_0: a half-precision scale, then so many signed bytes. */
const BLOCK = 32
const BLOCK_BYTES = 2 + BLOCK
const TYPES = { F32: 0, Q8_0: 8 } as const

export type Value = string | boolean | string[] | { u32: number } | { f32: number } | { i32: number[] }

export interface Tensor {
  name: string
  /** Rows first, as trainers have it; the file has the reverse. */
  shape: number[]
  type: keyof typeof TYPES
  data: Buffer
}

/** The bytes of a file with these values and tensors. */
export function writeGguf(values: Record<string, Value>, tensors: readonly Tensor[]): Buffer {
  const infos: Buffer[] = []
  const contents: Buffer[] = []
  let offset = 0
  for (const { name, shape, type, data } of tensors) {
    infos.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map((size) => u64(size)),
      u32(TYPES[type]),
      u64(offset),
    )
    const padded = Buffer.concat([data, padding(data.length)])
    contents.push(padded)
    offset += padded.length
  }
  const pairs = Object.entries(values)
  const head = Buffer.concat([
    Buffer.from(MAGIC),
    u32(VERSION),
    u64(tensors.length),
    u64(pairs.length),
    ...pairs.flatMap(([key, value]) => [text(key), valueBytes(value)]),
    ...infos,
  ])
  return Buffer.concat([head, padding(head.length), ...contents])
}

/** Rows of float32 as blocks of 32 signed bytes with a scale. The row length has to be a multiple of 32. */
export function quantize(numbers: Float32Array): Buffer {
  const bytes = Buffer.alloc((numbers.length / BLOCK) * BLOCK_BYTES)
  for (let block = 0; block * BLOCK < numbers.length; block++) {
    const part = numbers.subarray(block * BLOCK, (block + 1) * BLOCK)
    const scale = part.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127
    const at = block * BLOCK_BYTES
    bytes.writeUInt16LE(halfOf(scale), at)
    part.forEach((x, i) => {
      bytes.writeInt8(scale === 0 ? 0 : Math.round(x / scale), at + 2 + i)
    })
  }
  return bytes
}

/** The bits of a positive number in half precision (IEEE 754), rounded to the nearest. */
export function halfOf(number: number): number {
  if (number >= 65520) return 0x7c00
  if (number < 2 ** -14) return Math.round(number * 2 ** 24)
  const exponent = Math.floor(Math.log2(number))
  // A fraction that rounds up to 1024 carries into the exponent, which is what it should do.
  return ((exponent + 15) << 10) + Math.round((number / 2 ** exponent - 1) * 1024)
}

/** What stands at the beginning of a file, and where its tensors lie. */
export interface GgufHeader {
  values: Record<string, unknown>
  tensors: { name: string; shape: number[]; type: number; offset: number }[]
  /** Where the data begins. */
  dataAt: number
}

/** Reads a file's header. Throws a RangeError where it ends too early, an Error where it isn't GGUF 3. */
export function readGguf(file: Buffer): GgufHeader {
  let at = 0
  const take = (size: number) => {
    at += size
    return at - size
  }
  const readU32 = () => file.readUInt32LE(take(4))
  const readU64 = () => Number(file.readBigUInt64LE(take(8)))
  const readText = () => {
    const size = readU64()
    if (size > file.length) throw new RangeError('A text is longer than the file.')
    return file.toString('utf8', take(size), at)
  }
  const readValue = (type: number): unknown => {
    switch (type) {
      case U32:
        return readU32()
      case I32:
        return file.readInt32LE(take(4))
      case F32:
        return file.readFloatLE(take(4))
      case BOOL:
        return file.readUInt8(take(1)) === 1
      case STRING:
        return readText()
      case ARRAY: {
        const inner = readU32()
        const count = readU64()
        if (count > file.length) throw new RangeError('A list is longer than the file.')
        return Array.from({ length: count }, () => readValue(inner))
      }
      default:
        throw new Error(`Values of type ${type} are not read here.`)
    }
  }
  if (file.toString('latin1', take(4), at) !== MAGIC || readU32() !== VERSION)
    throw new Error('This is no GGUF file of version 3.')
  const [tensorCount, pairCount] = [readU64(), readU64()]
  if (tensorCount > file.length || pairCount > file.length) throw new RangeError('Counts exceed the file.')
  const values = Object.fromEntries(
    Array.from({ length: pairCount }, () => [readText(), readValue(readU32())] as const),
  )
  const tensors = Array.from({ length: tensorCount }, () => {
    const name = readText()
    const shape = Array.from({ length: Math.min(readU32(), 4) }, readU64).toReversed()
    return { name, shape, type: readU32(), offset: readU64() }
  })
  return { values, tensors, dataAt: Math.ceil(at / ALIGNMENT) * ALIGNMENT }
}

function valueBytes(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(STRING), text(value)])
  if (typeof value === 'boolean') return Buffer.concat([u32(BOOL), Buffer.from([value ? 1 : 0])])
  if (Array.isArray(value))
    return Buffer.concat([u32(ARRAY), u32(STRING), u64(value.length), ...value.map(text)])
  if ('u32' in value) return Buffer.concat([u32(U32), u32(value.u32)])
  if ('f32' in value) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value.f32)
    return Buffer.concat([u32(F32), bytes])
  }
  const numbers = Buffer.from(Int32Array.from(value.i32).buffer)
  return Buffer.concat([u32(ARRAY), u32(I32), u64(value.i32.length), numbers])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function padding(length: number): Buffer {
  return Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT)
}
