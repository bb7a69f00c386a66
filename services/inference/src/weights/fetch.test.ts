import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fetchWeights } from './fetch.ts'

const WEIGHTS = randomBytes(300_000)
const HEX = createHash('sha256').update(WEIGHTS).digest('hex')
const DIGEST = `sha256:${HEX}`

let server: Server
let url: string
let folder: string
let ranges: (string | undefined)[]
let answer: (request: IncomingMessage, response: ServerResponse) => void

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range)
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weights-'))
  ranges = []
  answer = inParts()
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Serves parts; each answer is cut off after `cut` bytes, and altered where `alter` says. */
function inParts(cut = WEIGHTS.length, alter = (bytes: Buffer) => bytes): typeof answer {
  return ({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? 'bytes=0-')?.[1])
    if (from >= WEIGHTS.length) {
      response.writeHead(416, { 'content-range': `bytes */${WEIGHTS.length}` }).end()
      return
    }
    const rest = alter(WEIGHTS.subarray(from))
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(from > 0 && { 'content-range': `bytes ${from}-${WEIGHTS.length - 1}/${WEIGHTS.length}` }),
    })
    if (rest.length <= cut) response.end(rest)
    else response.write(rest.subarray(0, cut), () => response.destroy())
  }
}

describe('weights', () => {
  test('are fetched, checked and kept under their digest, and not fetched twice', async () => {
    const seen: [number, number | undefined][] = []
    const path = await fetchWeights({
      from: { url },
      digest: DIGEST,
      folder,
      onProgress: (bytes, total) => seen.push([bytes, total]),
    })
    expect(path).toBe(join(folder, HEX))
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true)
    expect(seen.at(-1)).toEqual([WEIGHTS.length, WEIGHTS.length])
    await fetchWeights({ from: { url }, digest: DIGEST, folder })
    expect(ranges).toEqual([undefined])
  })

  test('go on where a connection was cut off', async () => {
    answer = inParts(120_000)
    const path = await fetchWeights({ from: { url }, digest: DIGEST, folder })
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true)
    const begun = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]))
    expect(begun.length).toBeGreaterThanOrEqual(2)
    expect(begun).toEqual([...new Set(begun)].sort((a, b) => a - b))
    expect(begun[0]).toBeGreaterThan(0)
  })

  test('go on where an earlier process ended', async () => {
    writeFileSync(join(folder, `${HEX}.part`), WEIGHTS.subarray(0, 70_000))
    await fetchWeights({ from: { url }, digest: DIGEST, folder })
    expect(ranges).toEqual(['bytes=70000-'])
  })

  test('are complete where an earlier process had everything but the check', async () => {
    writeFileSync(join(folder, `${HEX}.part`), WEIGHTS)
    const path = await fetchWeights({ from: { url }, digest: DIGEST, folder })
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true)
  })

  test('begin anew where the server knows no parts', async () => {
    writeFileSync(join(folder, `${HEX}.part`), WEIGHTS.subarray(0, 70_000))
    answer = (_, response) => response.end(WEIGHTS)
    const path = await fetchWeights({ from: { url }, digest: DIGEST, folder })
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true)
  })

  test('are deleted and refused where they are others', async () => {
    answer = inParts(WEIGHTS.length, (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(1)]))
    const other = `sha256:${createHash('sha256').update('other').digest('hex')}`
    await expect(fetchWeights({ from: { url }, digest: other, folder })).rejects.toMatchObject({
      code: 'bad-answer',
    })
    expect(readdirSync(folder)).toEqual([])
  })

  test('that were altered on disk are fetched again', async () => {
    writeFileSync(join(folder, HEX), 'something else')
    const path = await fetchWeights({ from: { url }, digest: DIGEST, folder })
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true)
  })

  test('whose earlier part was of another file are refused, and whole at the next try', async () => {
    writeFileSync(join(folder, `${HEX}.part`), Buffer.alloc(1_000))
    const options = { from: { url }, digest: DIGEST, folder }
    await expect(fetchWeights(options)).rejects.toMatchObject({ code: 'bad-answer' })
    expect(readFileSync(await fetchWeights(options)).equals(WEIGHTS)).toBe(true)
  })

  test('are refused where a server answers with another part than was asked for', async () => {
    writeFileSync(join(folder, `${HEX}.part`), WEIGHTS.subarray(0, 70_000))
    answer = (_, response) =>
      response.writeHead(206, { 'content-range': 'bytes 0-299999/300000' }).end(WEIGHTS)
    await expect(fetchWeights({ from: { url }, digest: DIGEST, folder })).rejects.toMatchObject({
      code: 'bad-answer',
    })
  })

  test('larger than they may be are broken off, whether the server says so or not', async () => {
    const options = { from: { url }, digest: DIGEST, folder, maxBytes: 1_000 }
    await expect(fetchWeights(options)).rejects.toMatchObject({ code: 'too-large' })
    answer = (_, response) => {
      response.write(WEIGHTS.subarray(0, 900))
      response.end(WEIGHTS.subarray(900))
    }
    await expect(fetchWeights(options)).rejects.toMatchObject({ code: 'too-large' })
    expect(existsSync(join(folder, HEX))).toBe(false)
  })

  test('of a server that says nothing are given up for now', async () => {
    answer = () => {}
    const options = { from: { url }, digest: DIGEST, folder, silenceMs: 20, pauseMs: 1 }
    await expect(fetchWeights(options)).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('that the server has not are not asked for again', async () => {
    answer = (_, response) => response.writeHead(404).end()
    await expect(fetchWeights({ from: { url }, digest: DIGEST, folder })).rejects.toMatchObject({
      code: 'not-found',
    })
    expect(ranges).toHaveLength(1)
  })

  test('are taken from a file of this machine, and checked', async () => {
    const path = join(folder, 'mine.gguf')
    writeFileSync(path, WEIGHTS)
    const kept = await fetchWeights({ from: { path }, digest: DIGEST, folder: join(folder, 'kept') })
    expect(readFileSync(kept).equals(WEIGHTS)).toBe(true)
    writeFileSync(path, 'others')
    await expect(
      fetchWeights({ from: { path }, digest: DIGEST, folder: join(folder, 'new') }),
    ).rejects.toMatchObject({ code: 'bad-answer' })
    await expect(
      fetchWeights({ from: { path: join(folder, 'none') }, digest: DIGEST, folder: join(folder, 'new') }),
    ).rejects.toMatchObject({ code: 'not-found' })
  })

  test('without a digest are not fetched', async () => {
    await expect(fetchWeights({ from: { url }, digest: 'latest', folder })).rejects.toMatchObject({
      code: 'bad-request',
    })
    expect(ranges).toEqual([])
  })
})
