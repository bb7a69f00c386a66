import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  LastBlock,
  openOperatorInterface,
  parseDrain,
  parseListenAt,
  Readiness,
  stopWhenAsked,
} from './index.ts'
import { onceAbandoned } from './stop.ts'

it.each([
  ['9400', { host: '127.0.0.1', port: 9400 }],
  ['0.0.0.0:9400', { host: '0.0.0.0', port: 9400 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['ops.internal:1', { host: 'ops.internal', port: 1 }],
])('%s is a place to listen at, on loopback unless it says otherwise', (text, at) =>
  expect(parseListenAt(text)).toEqual(at),
)

it.each(['', ':9400', 'x', '70000', '1.2.3.4', 'a:b:1', '[]:1'])('%s is no place to listen at', (text) =>
  expect(() => parseListenAt(text)).toThrow('no place to listen at'),
)

it('a bound for draining is whole seconds', () => {
  expect(parseDrain('0')).toBe(0)
  expect(parseDrain('10')).toBe(10_000)
  expect(() => parseDrain('1m')).toThrow('whole seconds')
})

it('is ready where nothing is wrong, and says what is where something is', async () => {
  const reason = { code: 'behind', message: 'It has 40 blocks of the chain still to read.' }
  expect(await new Readiness(async () => []).report()).toEqual({ ready: true, reasons: [] })
  expect(await new Readiness(async () => [reason]).report()).toEqual({ ready: false, reasons: [reason] })
  const failing = new Readiness(() => Promise.reject(new Error('no way')))
  expect((await failing.report()).reasons).toEqual([{ code: 'failed', message: 'no way' }])
})

it('looks once for many that ask at a time, and not at all once it was asked to stop', async () => {
  let looks = 0
  const readiness = new Readiness(async () => {
    looks++
    return []
  })
  await Promise.all([readiness.report(), readiness.report(), readiness.report()])
  expect(looks).toBe(1)
  readiness.stop()
  expect(await readiness.report()).toMatchObject({ ready: false, reasons: [{ code: 'stopping' }] })
})

it('a chain that has not answered for a minute is away, however new its last block was', () => {
  let now = 1_000_000
  const last = new LastBlock(() => now)
  expect(last.reasons).toMatchObject([{ code: 'starting' }])
  last.hear(7)
  now += 30_000
  last.hear(7)
  expect([last.block, last.ageSeconds, last.reasons]).toEqual([7, 30, []])
  now += 61_000
  expect(last.reasons).toMatchObject([{ code: 'chain-unreachable', message: expect.stringContaining('61') }])
})

it('a first signal stops and a second ends at once; failing to stop is an exit with 1', async () => {
  const exits: number[] = []
  const asked = () => {
    const source = new EventEmitter()
    let end = (_: Error | undefined) => {}
    const stopping = new Promise<void>((done, fail) => {
      end = (error) => (error ? fail(error) : done())
    })
    stopWhenAsked(
      () => stopping,
      (code) => exits.push(code),
      source,
    )
    return { source, end, ended: () => stopping.catch(() => {}) }
  }
  const one = asked()
  one.source.emit('SIGTERM')
  one.end(undefined)
  await one.ended()
  await expect.poll(() => exits).toEqual([0])
  const two = asked()
  two.source.emit('SIGINT')
  two.source.emit('SIGTERM')
  expect(exits).toEqual([0, 143])
  const three = asked()
  three.source.emit('disconnect')
  three.end(new Error('no'))
  await three.ended()
  await expect.poll(() => exits).toEqual([0, 143, 1])
})

it('stops, too, where whoever started it was gone before it listened', async () => {
  const left: string[] = []
  onceAbandoned(() => left.push('gone'), Object.assign(new EventEmitter(), { connected: false }))
  onceAbandoned(() => left.push('there'), Object.assign(new EventEmitter(), { connected: true }))
  onceAbandoned(() => left.push('never'), new EventEmitter())
  expect(left).toEqual(['gone'])
  const folder = mkdtempSync(join(tmpdir(), 'cloister-stop-'))
  const stop = JSON.stringify(join(import.meta.dirname, 'stop.ts'))
  writeFileSync(
    join(folder, 'late.mts'),
    `import { onceAbandoned } from ${stop}
if (process.connected) await new Promise((gone) => process.once('disconnect', gone))
setTimeout(() => process.exit(1), 10_000)
onceAbandoned(() => process.exit(7))`,
  )
  const child = fork(join(folder, 'late.mts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.disconnect()
  expect(await once(child, 'exit')).toEqual([7, null])
  rmSync(folder, { recursive: true })
})

it('answers operators on a port of its own: metrics, health, readiness and nothing else', async () => {
  const { port, close } = await openOperatorInterface({
    who: 'The test',
    at: { host: '127.0.0.1', port: 0 },
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
    readiness: new Readiness(async () => [{ code: 'behind', message: 'It is.' }]),
  })
  const ask = async (path: string, method = 'GET') => {
    const outgoing = request({ host: '127.0.0.1', port, path, method }).end()
    const [response] = await once(outgoing, 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    return [response.statusCode, response.headers['content-type'], text]
  }
  expect(await ask('/metrics?x')).toEqual([200, 'text/plain; version=0.0.4', 'up 1\n'])
  expect(await ask('/metrics', 'HEAD')).toEqual([200, 'text/plain; version=0.0.4', ''])
  expect(await ask('/health')).toEqual([200, 'text/plain', 'ok\n'])
  expect(await ask('/ready')).toEqual([
    503,
    'application/json',
    '{"ready":false,"reasons":[{"code":"behind","message":"It is."}]}\n',
  ])
  expect((await ask('/../etc/passwd'))[0]).toBe(404)
  expect((await ask('/constructor'))[0]).toBe(404)
  expect((await ask('/metrics', 'POST'))[0]).toBe(405)
  await close()
})
