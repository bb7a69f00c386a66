import { once } from 'node:events'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Anthropic from '@anthropic-ai/sdk'
import { onceAbandoned } from '@cloister/operations/stop'
import { createCloister } from '@cloister/sdk'
import { send } from '@cloister/sdk/node'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Engine,
  FakeDoor,
  type InferenceStage,
  type Leased,
  optionsOf,
  startInferenceStage,
} from '../../../../packages/sdk/src/inference/testing/endpoint.ts'
import { addProxy } from '../commands/model/commands.ts'
import { connect } from '../context.ts'
import { fakeCloister, type Outcome, typed } from '../testing.ts'

const chunk = (content: string) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`
const message = {
  id: 'm',
  type: 'message',
  role: 'assistant',
  model: 'tiny',
  content: [{ type: 'text', text: 'Paris.' }],
  usage: { input_tokens: 1, output_tokens: 1 },
}
const engine: Engine = (head, body) => {
  const { stream } = JSON.parse(Buffer.from(body).toString())
  if (head.path === '/v1/messages')
    return { headers: { 'content-type': 'application/json' }, pieces: [JSON.stringify(message)] }
  if (stream)
    return {
      headers: { 'content-type': 'text/event-stream' },
      pieces: [chunk('Pa'), chunk('ris.'), 'data: [DONE]\n\n'],
    }
  const whole = { id: 'c', choices: [{ index: 0, message: { role: 'assistant', content: 'Paris.' } }] }
  return { headers: { 'content-type': 'application/json' }, pieces: [JSON.stringify(whole)] }
}

let stage: InferenceStage
let leased: Leased
let door: FakeDoor

beforeAll(async () => {
  stage = await startInferenceStage()
  leased = await stage.lease(optionsOf())
  door = await FakeDoor.start(stage.chain, leased, engine)
}, 120_000)
afterAll(async () => {
  door?.close()
  await stage?.stop()
})
beforeEach(() => {
  door.attack = {}
  door.asked = []
  vi.mocked(connect).mockImplementation(() => createCloister({ network: stage.chain.network, send }))
})

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The proxy while `use` uses it, and what it printed. */
async function proxying(use: (port: number) => Promise<void>, ...words: string[]): Promise<Outcome> {
  const port = await freePort()
  let stop = () => {}
  const waits = new Promise<void>((listening) =>
    vi.mocked(onceAbandoned).mockImplementation((done) => {
      stop = done
      listening()
    }),
  )
  process.env['CLOISTER_API_KEY'] = 'sk-clo-mine'
  const running = typed(
    addProxy,
    'proxy',
    '--port',
    String(port),
    '--lease',
    leased.lease,
    '--url',
    door.url,
    ...words,
  )
  await Promise.race([waits, running])
  try {
    await use(port)
  } finally {
    stop()
    delete process.env['CLOISTER_API_KEY']
  }
  return running
}

const messages = [{ role: 'user' as const, content: 'The capital of France?' }]

/** One request with headers of its own, as pages and other hosts would send it. */
function raw(
  port: number,
  headers: Record<string, string>,
  { method = 'POST', body = '{}', path = '/v1/chat/completions' } = {},
) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = ask({ host: '127.0.0.1', port, method, path, headers }, async (response) => {
      let text = ''
      for await (const piece of response) text += piece
      resolve({ status: response.statusCode ?? 0, text })
    })
    asked.once('error', reject)
    asked.end(body)
  })
}

describe('cloister proxy', () => {
  it('serves the clients of OpenAI and Anthropic as they are, sealed, with the key and a receipt for each', async () => {
    const { out, err } = await proxying(async (port) => {
      const baseURL = `http://127.0.0.1:${port}`
      const openai = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: 'none' })
      const answer = await openai.chat.completions.create({ model: 'tiny', messages })
      expect(answer.choices[0]?.message.content).toBe('Paris.')
      let text = ''
      const stream = await openai.chat.completions.create({ model: 'tiny', messages, stream: true })
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
      expect(text).toBe('Paris.')
      const anthropic = new Anthropic({ baseURL, apiKey: 'none' })
      const said = await anthropic.messages.create({ model: 'tiny', max_tokens: 9, messages })
      expect(said.content).toMatchObject([{ text: 'Paris.' }])
      expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['tiny'])
      await vi.waitFor(() => expect(door.asked).toHaveLength(3))
    })
    expect(out).toMatch(/OpenAI’s interface: http:\/\/127\.0\.0\.1:\d+\/v1/)
    expect(err).toMatch(/tiny on worker 0x.*: evidence holds \(simulated\)/)
    expect(err.match(/7 tokens in, 3 out · free · rcpt_/g)?.length).toBeGreaterThanOrEqual(2)
    expect(door.asked.map(({ head }) => head.headers['authorization'])).toEqual(
      Array(3).fill('Bearer sk-clo-mine'),
    )
    expect(door.asked.some(({ head }) => 'x-api-key' in head.headers)).toBe(false)
  })

  it('refuses web pages, and hosts that are none of loopback, before anything is sealed', async () => {
    await proxying(async (port) => {
      const host = `127.0.0.1:${port}`
      for (const headers of [
        { host, origin: 'https://evil.example' },
        { host, origin: 'null' },
        { host, origin: `http://${host}` },
        { host, 'sec-fetch-site': 'cross-site' },
        { host: 'evil.example' },
        { host: `evil.example:${port}` },
        { host: `127.0.0.1.evil.example:${port}` },
        { host: '127.0.0.1' },
      ]) {
        const { status, text } = await raw(port, headers)
        expect({ headers, status }).toEqual({ headers, status: 403 })
        expect(JSON.parse(text).error).toMatchObject({ code: 'forbidden', type: 'permission_error' })
      }
      expect(
        (await raw(port, { host, origin: 'https://evil.example' }, { method: 'OPTIONS', body: '' })).status,
      ).toBe(403)
      expect(
        (
          await raw(
            port,
            { host, origin: 'https://evil.example' },
            { method: 'GET', path: '/v1/models', body: '' },
          )
        ).status,
      ).toBe(403)
      expect(door.asked).toEqual([])
      expect((await raw(port, { host: `localhost:${port}` })).status).toBe(200)
    })
  })

  it('answers errors in the form of whoever’s interface was asked, and never half an answer', async () => {
    await proxying(async (port) => {
      const host = `127.0.0.1:${port}`
      const large = await raw(port, { host }, { body: 'x'.repeat(4 * 1024 * 1024 + 1) }).catch(
        (error) => error,
      )
      if ('status' in large) expect(large.status).toBe(413)
      expect((await raw(port, { host }, { path: '/other' })).status).toBe(404)
      door.attack.instead = (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}')
        return true
      }
      const forged = await raw(port, { host }, { path: '/v1/messages' })
      expect(forged.status).toBe(502)
      expect(JSON.parse(forged.text)).toMatchObject({ type: 'error', error: { type: 'api_error' } })
      door.attack = {
        answer: async function* (pieces) {
          const all: Uint8Array[] = []
          for await (const piece of pieces) all.push(piece)
          yield* all.slice(0, -2)
        },
      }
      await expect(raw(port, { host })).rejects.toThrow()
    })
  })

  it('does not begin to listen where the endpoint’s evidence does not hold', async () => {
    door.attack.attestation = (said) => ({ ...said, options: optionsOf({ model: 'larger' }) })
    const { exitCode, err, out } = await proxying(async () => {})
    expect(exitCode).toBe(1)
    expect(err).toMatch(/not the manifest/)
    expect(out).toBe('')
  })

  it('says so where the port is taken, or is none', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      const lease = ['--lease', leased.lease, '--url', door.url]
      expect((await typed(addProxy, 'proxy', '--port', String(port), ...lease)).err).toMatch(
        /can not be listened on \(EADDRINUSE\)[\s\S]*--port/,
      )
      vi.mocked(connect).mockReturnValue(fakeCloister())
      expect((await typed(addProxy, 'proxy', '--port', '70000')).err).toMatch(/--port has to be a number/)
    } finally {
      server.close()
    }
  })
})
