import { createHash } from 'node:crypto'
import { request as ask, createServer } from 'node:http'
import { textOf } from '@cloister/core'
import {
  checkReceipt,
  decodeAnswer,
  encodeQuestion,
  InferenceReceipt,
  SENT_HEADER,
  sealedContext,
} from '@cloister/inference/protocol'
import { fakeAgent, startTestDoor, type TestDoor } from '@cloister/inference/testing'
import { sealQuestion } from '@cloister/secrets'
import OpenAI from 'openai'
import { type Hex, hexToBytes } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leaseIdOf, raiseStage, type Stage } from '../packages/gateway/src/inference/testing.ts'
import { raiseDoors } from './doors.ts'

const sha256 = (bytes: string | Uint8Array) => `0x${createHash('sha256').update(bytes).digest('hex')}`
const ASK = { model: 'tiny', messages: [{ role: 'user' as const, content: 'capital of France?' }] }

async function* pieces(bytes: Uint8Array) {
  yield bytes
}

/** A real gateway before the real doors of two endpoints; between them are workers that are fakes. */
describe('an endpoint behind the gateway', () => {
  let stage: Stage
  const doors: TestDoor[] = []

  beforeAll(async () => {
    stage = await raiseStage(2)
    for (const [place, worker] of stage.workers.entries()) {
      const door = await startTestDoor({ agent: fakeAgent({ lease: leaseIdOf(place) as Hex }) })
      doors.push(door)
      worker.engine = (incoming, body, response) => {
        const onward = ask(`${door.url}${incoming.url}`, {
          method: incoming.method,
          headers: incoming.headers,
        })
        onward.on('response', (answer) => {
          response.writeHead(answer.statusCode ?? 0, answer.headers)
          answer.pipe(response)
        })
        onward.on('error', () => response.destroy())
        response.on('close', () => response.writableFinished || onward.destroy())
        onward.end(body)
      }
    }
  })
  afterAll(async () => {
    await stage.end()
    for (const door of doors) await door.close()
  })

  const isGood = async (receipt: InferenceReceipt) => {
    const door = doors.find(({ agent }) => agent.self.lease === receipt.details.lease) as TestDoor
    const { chainId, contracts } = door.agent.self.network
    return (await checkReceipt(receipt, { chainId, workers: contracts.workers })).ok
  }
  const receiptOf = async (id: string | null) =>
    InferenceReceipt.parse(await (await fetch(`${stage.url}/v1/receipts/${id}`)).json())

  it('answers openai’s client, and its receipt is over the bytes that went through', async () => {
    const client = new OpenAI({ baseURL: `${stage.url}/v1`, apiKey: 'any' })
    const stream = await client.chat.completions.create({ ...ASK, stream: true }).withResponse()
    let text = ''
    for await (const { choices } of stream.data) text += choices[0]?.delta.content ?? ''
    expect(text).toBe('Paris is the capital of France.')
    const body = JSON.stringify(ASK)
    for (let time = 0; time < 4; time++) {
      const answer = await fetch(`${stage.url}/v1/chat/completions`, { method: 'POST', body })
      const answered = await answer.text()
      const receipt = await receiptOf(answer.headers.get('x-receipt-id'))
      expect(await isGood(receipt)).toBe(true)
      expect(receipt.details).toMatchObject({
        lease: answer.headers.get('cloister-lease'),
        request: sha256(body),
        response: sha256(answered),
      })
    }
  })

  it('opens what is sealed for it, of which the gateway sees nothing', async () => {
    const place = 1
    const lease = leaseIdOf(place) as Hex
    const endpoint = (await (await fetch(`${stage.url}/v1/endpoint?lease=${lease}`)).json()) as {
      sealingKey: Hex
    }
    const secret = JSON.stringify({ ...ASK, stream: true })
    const head = {
      method: 'POST' as const,
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json', [SENT_HEADER]: String(Date.now()) },
    }
    const question = encodeQuestion(head, Buffer.from(secret))
    const { sealed, openAnswer } = await sealQuestion(
      hexToBytes(endpoint.sealingKey),
      question,
      sealedContext(lease),
    )
    const headers = {
      'content-type': 'message/cloister-sealed',
      'cloister-lease': lease,
      'cloister-model': 'tiny',
    }
    const answer = await fetch(`${stage.url}/v1/chat/completions`, { method: 'POST', headers, body: sealed })
    expect(answer.status).toBe(200)
    const wire = new Uint8Array(await answer.arrayBuffer())
    const opened = await decodeAnswer(openAnswer(pieces(wire)))
    let text = ''
    for await (const piece of opened.body) text += textOf(piece)
    expect(opened.head.status).toBe(200)
    expect(text).toContain('Paris')
    const receipt = await receiptOf(opened.head.headers['x-receipt-id'] ?? null)
    expect(await isGood(receipt)).toBe(true)
    expect(receipt.details).toMatchObject({
      request: sha256(secret),
      requestSealed: sha256(sealed),
      responseSealed: sha256(wire),
    })
    const seen = stage.workers[place]?.asked.findLast(({ path }) => path === head.path)
    expect(Buffer.compare(seen?.body as Buffer, Buffer.from(sealed))).toBe(0)
    expect(String(seen?.body)).not.toContain('France')
  })
})

describe('an endpoint on a worker behind TLS', () => {
  it('is asked over streams of one pinned connection, whole and in streams, and hears of who leaves', async () => {
    let left = 0
    const engine = createServer((request, response) => {
      let text = ''
      request.on('data', (piece) => (text += piece))
      response.on('close', () => response.writableFinished || left++)
      request.on('end', () => {
        const { stream, user } = JSON.parse(text) as { stream?: boolean; user: string }
        if (!stream) return response.end(JSON.stringify({ path: request.url, user }))
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        return response.write(`data: ${user}\n\n`)
      })
    })
    const doors = await raiseDoors([
      { name: 'model', service: (socket) => engine.emit('connection', socket) },
    ])
    try {
      const lease = doors.idOf('model')
      const ask = (more: object, signal?: AbortSignal) =>
        fetch(`http://127.0.0.1:${doors.gatewayPort}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'cloister-lease': lease },
          body: JSON.stringify({ ...ASK, ...more }),
          ...(signal && { signal }),
        })
      const long = 'x'.repeat(1024 * 1024)
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, at) => {
          const answer = await ask({ user: at === 7 ? long : String(at) })
          expect(answer.headers.get('cloister-lease')).toBe(lease)
          return ((await answer.json()) as { user: string }).user
        }),
      )
      expect(answers).toEqual(Array.from({ length: 20 }, (_, at) => (at === 7 ? long : String(at))))
      expect(doors.toWorker()).toBe(1)
      const leaving = new AbortController()
      const stream = await ask({ stream: true, user: 'first' }, leaving.signal)
      const reader = stream.body?.getReader()
      expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: first\n\n')
      leaving.abort()
      await expect.poll(() => left).toBe(1)
    } finally {
      await doors.end()
    }
  })
})
