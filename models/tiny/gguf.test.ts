import fc from 'fast-check'
import { expect, test } from 'vitest'
import { halfOf, quantize, readGguf, writeGguf } from './gguf.ts'

test('what is written is read again', () => {
  const file = writeGguf(
    {
      'general.architecture': 'llama',
      'llama.context_length': { u32: 512 },
      'llama.rope.freq_base': { f32: 0.5 },
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.tokens': ['a', 'ü', ''],
      'tokenizer.ggml.token_type': { i32: [1, -3] },
    },
    [
      { name: 'one', shape: [2, 32], type: 'Q8_0', data: quantize(new Float32Array(64)) },
      { name: 'two', shape: [3], type: 'F32', data: Buffer.alloc(12, 7) },
    ],
  )
  const { values, tensors, dataAt } = readGguf(file)
  expect(values).toEqual({
    'general.architecture': 'llama',
    'llama.context_length': 512,
    'llama.rope.freq_base': 0.5,
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.ggml.tokens': ['a', 'ü', ''],
    'tokenizer.ggml.token_type': [1, -3],
  })
  expect(tensors).toEqual([
    { name: 'one', shape: [2, 32], type: 8, offset: 0 },
    { name: 'two', shape: [3], type: 0, offset: 96 },
  ])
  expect(file.subarray(dataAt + 96, dataAt + 108)).toEqual(Buffer.alloc(12, 7))
  expect(file.length).toBe(dataAt + 96 + 32)
})

test('a file that is cut off in its header, or isn’t one, is refused', () => {
  const file = writeGguf({ 'general.name': 'x' }, [])
  for (let length = 0; length < file.length - 32; length++)
    expect(() => readGguf(file.subarray(0, length))).toThrow()
  expect(() => readGguf(Buffer.alloc(100))).toThrow('no GGUF file')
})

test('half precision is what IEEE 754 says', () => {
  const cases: [number, number][] = [
    [0, 0x0000],
    [1, 0x3c00],
    [1.5, 0x3e00],
    [0.1, 0x2e66],
    [65504, 0x7bff],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [1.9999, 0x4000],
    [1e6, 0x7c00],
  ]
  for (const [number, bits] of cases) expect(halfOf(number)).toBe(bits)
})

test('eight bits lose no more than half a step of the largest number in a block', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 32, maxLength: 32 }),
      (numbers) => {
        const bytes = quantize(Float32Array.from(numbers))
        const most = Math.max(...numbers.map(Math.abs))
        const scale = most / 127
        numbers.forEach((number, i) => {
          expect(Math.abs(bytes.readInt8(2 + i) * scale - number)).toBeLessThanOrEqual(scale * 0.5001)
        })
      },
    ),
  )
})
