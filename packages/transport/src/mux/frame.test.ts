import { expect, it } from 'vitest'
import { CREDIT, DATA, END, FrameReader, MAX_PAYLOAD_BYTES, OPEN, PING, ProtocolError } from './frame.ts'
import { encodeFrames } from './testing.ts'

/** What a reader is told, data joined. */
function readAll(chunks: Iterable<Buffer>): unknown[] {
  const told: unknown[][] = []
  const reader = new FrameReader({
    data: (stream, piece) => {
      const last = told.at(-1)
      if (last?.[0] === DATA && last[1] === stream) last[2] += piece.toString()
      else told.push([DATA, stream, piece.toString()])
    },
    control: (kind, stream, value) => told.push([kind, stream, value]),
  })
  for (const chunk of chunks) reader.read(chunk)
  return told
}

const bytes = encodeFrames([
  { kind: OPEN, stream: 1 },
  { kind: DATA, stream: 1, bytes: Buffer.from('abcdef') },
  { kind: CREDIT, stream: 0xffff_ffff, value: 0xffff_fffe },
  { kind: PING, stream: 0 },
  { kind: END, stream: 1 },
])
const meaning = [
  [OPEN, 1, 0],
  [DATA, 1, 'abcdef'],
  [CREDIT, 0xffff_ffff, 0xffff_fffe],
  [PING, 0, 0],
  [END, 1, 0],
]

it('frames mean the same wherever they are cut', () => {
  for (let size = 1; size <= bytes.length; size++)
    expect(readAll(cut(bytes, size)), `pieces of ${size}`).toEqual(meaning)
})

it.each([
  ['a kind of 0', [0, 0, 0, 1, 0, 0, 0, 0]],
  ['a kind of 9', [0, 0, 0, 0, 9, 0, 0, 0]],
  ['a kind of 255', [0, 0, 0, 1, 255, 0, 0, 0]],
  ['data without bytes', [0, 0, 0, 1, DATA, 0, 0, 0]],
  ['data of too many bytes', [0, 0, 0, 1, DATA, 0, 0x80, 1]],
  ['data of stream 0', [0, 0, 0, 0, DATA, 0, 0, 1]],
  ['an opening of stream 0', [0, 0, 0, 0, OPEN, 0, 0, 0]],
  ['a ping of a stream', [0, 0, 0, 1, PING, 0, 0, 0]],
  ['a ping with bytes', [0, 0, 0, 0, PING, 0, 0, 1]],
  ['a credit without a number', [0, 0, 0, 1, CREDIT, 0, 0, 0]],
  ['a credit of a long number', [0, 0, 0, 1, CREDIT, 0, 0, 8]],
  ['an end with bytes', [0, 0, 0, 1, END, 0, 0, 1]],
])('%s is no frame', (_, head) => {
  expect(() => readAll([Buffer.from(head)])).toThrow(ProtocolError)
  expect(() => readAll(head.map((byte) => Buffer.from([byte])))).toThrow(ProtocolError)
})

it('data of the largest size is a frame', () => {
  const frame = encodeFrames([{ kind: DATA, stream: 7, bytes: Buffer.alloc(MAX_PAYLOAD_BYTES, 'x') }])
  expect(readAll(cut(frame, 1_000))).toEqual([[DATA, 7, 'x'.repeat(MAX_PAYLOAD_BYTES)]])
})

function* cut(whole: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}
