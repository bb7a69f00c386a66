import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { JSON_LINES, LogWriter } from '../sandbox/log-file.ts'
import { K8sLogFormat } from './k8s-file.ts'
import { LineDecoder } from './line.ts'
import { readLogFile } from './read-file.ts'

let folder: string
let path: string
let hangUp: AbortController

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-logs-'))
  path = join(folder, 'log')
  hangUp = new AbortController()
})
afterEach(async () => {
  hangUp.abort()
  await rm(folder, { recursive: true })
})

const entries = (...texts: (string | number)[]) =>
  texts.map((text) => `${JSON.stringify({ time: 1, stream: 'stdout', text: String(text) })}\n`).join('')
const read = (tail: number, follow: boolean, format = JSON_LINES) =>
  readLogFile(path, { tail, follow, signal: hangUp.signal }, format)
const texts = async (lines: AsyncIterable<{ text: string }>) => {
  const all: string[] = []
  for await (const { text } of lines) all.push(text)
  return all
}
const next = async (lines: AsyncGenerator<{ text: string }>) => (await lines.next()).value?.text

describe('a log file', () => {
  it('is read from its last lines on, those of the file before it as well', async () => {
    expect(await texts(read(10, false))).toEqual([])
    await writeFile(`${path}.1`, entries(1, 2, 3))
    await writeFile(path, entries(4, 5))
    for (const [tail, found] of [
      [0, []],
      [1, ['5']],
      [4, ['2', '3', '4', '5']],
      [99, ['1', '2', '3', '4', '5']],
    ] as const)
      expect(await texts(read(tail, false))).toEqual(found)
  })

  it('is followed while it is not there yet, grows by halves of an entry, is renamed, renamed again, and is another one', async () => {
    const lines = read(10, true)
    const first = next(lines)
    await writeFile(path, entries('one').slice(0, 20))
    await appendFile(path, entries('one').slice(20))
    expect(await first).toBe('one')
    const second = next(lines)
    const whole = Buffer.from(entries('zwei 二'))
    await appendFile(path, whole.subarray(0, whole.length - 6))
    await appendFile(path, whole.subarray(whole.length - 6))
    expect(await second).toBe('zwei 二')
    // Nobody looks while all of this happens.
    await appendFile(path, entries('three'))
    await rename(path, `${path}.1`)
    await writeFile(path, entries('four'))
    expect([await next(lines), await next(lines)]).toEqual(['three', 'four'])
    await appendFile(path, entries('five'))
    await rename(path, `${path}.1`)
    await writeFile(path, entries('six'))
    await rename(path, `${path}.1`)
    await writeFile(path, entries('seven'))
    expect([await next(lines), await next(lines), await next(lines)]).toEqual(['five', 'six', 'seven'])
    await appendFile(path, entries('eight'))
    await rm(path)
    await rm(`${path}.1`)
    expect(await next(lines)).toBe('eight')
    const ninth = next(lines)
    await writeFile(path, entries('nine'))
    expect(await ninth).toBe('nine')
    // What is there when the caller hangs up still comes.
    await appendFile(path, entries('ten'))
    hangUp.abort()
    expect(await texts(lines)).toEqual(['ten'])
  })

  it('is read whatever lies in it: what is damaged or far too long is left out', async () => {
    await writeFile(
      path,
      `${entries('a')}{"time":1,"stre\n\n\0\xff\n${'x'.repeat(3_000_000)}\n${entries('b')}{"unfinished`,
    )
    expect(await texts(read(10, false))).toEqual(['a', 'b'])
    // As where the process that wrote it died, and another one goes on.
    const writer = new LogWriter(path)
    writer.write('stdout', Buffer.from('c\n'))
    await writer.end()
    expect(await texts(read(10, false))).toEqual(['a', 'b', 'c'])
  })

  it('of a container that prints without end is kept to 20 MiB, and read while it is turned over', async () => {
    const writer = new LogWriter(path)
    const seen: number[] = []
    const following = (async () => {
      for await (const { text } of read(1, true)) seen.push(Number(text.slice(0, 8)))
    })()
    writer.write('stdout', Buffer.from('first\n'))
    await vi.waitFor(() => expect(seen).toEqual([Number.NaN]))
    seen.pop()
    let waits = 0
    for (let line = 0; line < 40_000; line += 100) {
      const piece = Array.from(
        { length: 100 },
        (_, index) => `${String(line + index).padStart(8, '0')}${'x'.repeat(592)}\n`,
      ).join('')
      const busy = writer.write('stdout', Buffer.from(piece))
      // No more than a mebibyte waits in memory.
      if (busy) waits++
      await busy
    }
    await writer.end()
    hangUp.abort()
    await following
    expect(seen).toEqual(Array.from({ length: 40_000 }, (_, index) => index))
    expect(waits).toBeGreaterThan(10)
    const kept = await texts(read(1e6, false))
    expect(kept.length).toBeLessThan(36_000)
    expect(kept.at(-1)).toContain('00039999')
  })

  it('of Podman’s is put together again out of its pieces', async () => {
    const é = Buffer.from('é')
    const stamp = '2026-11-25T17:00:00.123456789+01:00'
    const pieces = [
      `${stamp} stdout P one `,
      `${stamp} stderr F other`,
      Buffer.concat([Buffer.from(`${stamp} stdout P caf`), é.subarray(0, 1)]),
      Buffer.concat([Buffer.from(`${stamp} stdout F `), é.subarray(1)]),
      `${stamp} stdout X no such tag`,
      `yesterday stdout F no such time`,
      `${stamp} stdout F `,
      `${stamp} stdout P still going`,
    ]
    await writeFile(path, Buffer.concat(pieces.flatMap((piece) => [Buffer.from(piece), Buffer.from('\n')])))
    const found = []
    for await (const line of read(10, false, new K8sLogFormat())) found.push(line)
    const time = Date.parse('2026-11-25T16:00:00.123Z')
    expect(found).toEqual([
      { time, stream: 'stderr', text: 'other' },
      { time, stream: 'stdout', text: 'one café' },
      { time, stream: 'stdout', text: '' },
      { time, stream: 'stdout', text: 'still going' },
    ])
  })
})

describe('lines', () => {
  it('come out of pieces cut anywhere, in UTF-8 and no longer than they may be', () => {
    const text = 'ein Käse\r\nдва\n\n😀😀\n'
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const decoder = new LineDecoder()
      expect(
        [
          ...decoder.write(bytes.subarray(0, cut)),
          ...decoder.write(bytes.subarray(cut)),
          ...decoder.end(),
        ].join('\n'),
      ).toBe(text.trimEnd())
    }
    const decoder = new LineDecoder(4)
    expect(decoder.write(Buffer.from('abcdefghij\nkl'))).toEqual(['abcd', 'efgh', 'ij'])
    expect(decoder.write(Buffer.from('mnop'))).toEqual(['klmn'])
    expect(decoder.end()).toEqual(['op'])
    expect(decoder.end()).toEqual([])
  })
})
