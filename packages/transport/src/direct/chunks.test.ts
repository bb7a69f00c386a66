import { expect, it } from 'vitest'
import { ChunkReader } from './chunks.ts'

function read(text: string, size = text.length) {
  const reader = new ChunkReader()
  let body = ''
  let rest: string | undefined
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += size) {
    if (rest !== undefined) rest += bytes.toString('latin1', at, at + size)
    else
      rest = reader
        .read(bytes.subarray(at, at + size), { data: (piece) => (body += piece) })
        ?.toString('latin1')
  }
  return { body, rest, trailers: reader.trailers, isOver: reader.isOver }
}

it.each([
  ['0\r\n\r\n', '', [], ''],
  ['3\r\nabc\r\n0\r\n\r\n', 'abc', [], ''],
  ['3\r\nabc\r\n0003;a=b\r\ndef\r\n0\r\n\r\nGET / HTTP/1.1', 'abcdef', [], 'GET / HTTP/1.1'],
  [
    'a \t;x="y"\r\n0\r\n\r\n12345\r\n0\r\nX-Sum: 1\r\ny:\r\n\r\n',
    '0\r\n\r\n12345',
    ['x-sum', '1', 'y', ''],
    '',
  ],
])('%j is read wherever it is cut', (text, body, trailers, rest) => {
  for (let size = 1; size <= text.length; size++)
    expect(read(text, size), `pieces of ${size}`).toEqual({ body, trailers, rest, isOver: true })
})

it.each([
  '\r\n',
  'x\r\n',
  '-1\r\n',
  '+1\r\n',
  '0x1\r\n',
  ' 1\r\n',
  '1 \r\n',
  'fffffffffffffffff\r\n',
  '3\nabc\n0\n\n',
  '3\r\nabcd\r\n',
  '3\r\nabc0\r\n\r\n',
  '3\r\nabc\n0\r\n\r\n',
  '3\r\nabc\r\r\n',
  '3;a\0\r\nabc',
  '3;a\nb\r\nabc',
  `3;${'x'.repeat(2_000)}\r\nabc`,
  '0\r\nx\r\n\r\n',
  '0\r\n x: y\r\n\r\n',
  '0\r\nTransfer-Encoding: chunked\r\n\r\n',
  '0\r\nContent-Length: 3\r\n\r\n',
  `0\r\n${'x: y\r\n'.repeat(20_000)}\r\n`,
  `${`1;${'x'.repeat(900)}\r\na\r\n`.repeat(30)}0\r\n\r\n`,
])('%.40j are no chunks', (text) => {
  expect(() => read(text)).toThrow()
  expect(() => read(text, 1)).toThrow()
})

it('what breaks off is not over', () => {
  for (const text of ['3\r\nab', '3\r\nabc\r\n', '3\r\nabc\r\n0\r\n', '0\r\nx: y\r\n', '3'])
    expect(read(text)).toMatchObject({ isOver: false, rest: undefined })
})
