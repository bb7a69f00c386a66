import { hashManifest, textOf, utf8 } from '@cloister/core'
import fc from 'fast-check'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { engineUrlOf, inferenceManifest } from '../manifest.ts'
import { encodeApiKey, isApiKey, parseApiKey } from './api-key.ts'
import { checkEndpointOptions, type EndpointOptions, readEndpointOptions } from './options.ts'
import { decodeAnswer, decodeQuestion, encodeAnswerHead, encodeQuestion } from './sealed-head.ts'

const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const options: EndpointOptions = {
  version: 1,
  door: digest('1'),
  engine: {
    image: 'cloister/llama-server:1',
    digest: digest('2'),
    command: ['--model', '/models/tiny.gguf'],
    port: 8081,
    memoryMiB: 256,
    cpuMilli: 500,
    files: [{ path: '/models/tiny.gguf', digest: digest('3'), bytes: 1_000 }],
  },
  model: 'tiny',
  weights: { digest: digest('3') },
  contextLength: 512,
  concurrency: 4,
  endpoints: ['chat', 'messages'],
}

describe('an endpoint’s options', () => {
  it('make one manifest, and any other options another', () => {
    const hash = hashManifest(inferenceManifest(options))
    const shuffled = Object.fromEntries(Object.entries(options).reverse()) as EndpointOptions
    expect(hashManifest(inferenceManifest(shuffled))).toBe(hash)
    const { engine } = options
    if ('url' in engine) throw new Error('an image was expected')
    for (const other of [
      { ...options, door: digest('4') },
      { ...options, model: 'large' },
      { ...options, weights: { digest: digest('4') } },
      { ...options, contextLength: 513 },
      { ...options, concurrency: 5 },
      { ...options, tokenHash: `0x${'0'.repeat(64)}` },
      { ...options, engine: { ...engine, digest: digest('4') } },
      { ...options, engine: { ...engine, command: [] } },
      { ...options, engine: { ...engine, files: [] } },
      { ...options, engine: { url: 'http://10.0.0.1:8000' } },
    ])
      expect(hashManifest(inferenceManifest(other))).not.toBe(hash)
  })

  it('keep an engine in its container off the internet, what it prints from everybody, and give only the door a public port', () => {
    const manifest = inferenceManifest(options)
    expect(manifest.internet).toBe(false)
    expect(manifest.services['engine']?.expose).toMatchObject([{ port: 8081, global: false }])
    expect(manifest.services['engine']?.agentSocket).toBeUndefined()
    expect(manifest.front).toEqual({ service: 'door', port: 8080 })
    expect(Object.values(manifest.services).map(({ exec }) => exec)).toEqual([false, false])
    expect(manifest.services['engine']?.logs).toBe(false)
    expect(engineUrlOf(options)).toBe('http://engine:8081')
    const elsewhere = inferenceManifest({ ...options, engine: { url: 'http://10.0.0.1:8000' } })
    expect(elsewhere.internet).toBeUndefined()
    expect(Object.keys(elsewhere.services)).toEqual(['door'])
  })

  it('are read from what anybody published, and nothing in them is passed over', () => {
    expect(readEndpointOptions(JSON.stringify(options))).toEqual(options)
    const wrong = (value: unknown) => () => checkEndpointOptions(value)
    expect(() => readEndpointOptions('{')).toThrow('not JSON')
    expect(() => readEndpointOptions(' '.repeat(40_000))).toThrow('at most')
    expect(wrong({ ...options, price: 1 })).toThrow('wrong at')
    expect(wrong({ ...options, door: 'latest' })).toThrow('wrong at door')
    expect(wrong({ ...options, aliases: ['tiny'] })).toThrow('a name is there twice')
    expect(wrong({ ...options, engine: { url: 'file:///etc/passwd' } })).toThrow('wrong at engine')
    expect(wrong({ ...options, concurrency: 0 })).toThrow('wrong at concurrency')
  })
})

describe('what is sealed', () => {
  const head = { method: 'POST' as const, path: '/v1/chat/completions', headers: { accept: '*/*' } }

  it('is a head and a body, and nothing of either is lost', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
        const opened = decodeQuestion(encodeQuestion(head, body))
        expect(opened.head).toEqual(head)
        expect(opened.body).toEqual(body)
      }),
    )
  })

  it('comes in pieces of any size, and the body is given on as it comes', async () => {
    const answer = { status: 200, headers: { 'content-type': 'text/event-stream' } }
    const whole = Buffer.concat([encodeAnswerHead(answer), utf8('data: 1\n\ndata: 2\n\n')])
    for (const size of [1, 3, 50, 1_000]) {
      async function* pieces() {
        for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
      }
      const { head: got, body } = await decodeAnswer(pieces())
      let text = ''
      for await (const piece of body) text += textOf(piece)
      expect(got).toEqual(answer)
      expect(text).toBe('data: 1\n\ndata: 2\n\n')
    }
  })

  it('is refused where its head is cut off, too long or no head', async () => {
    async function* cut() {
      yield encodeAnswerHead({ status: 200, headers: {} }).subarray(0, 9)
    }
    await expect(decodeAnswer(cut())).rejects.toMatchObject({ code: 'bad-request' })
    expect(() => decodeQuestion(new Uint8Array([0, 0]))).toThrow('no head')
    expect(() => decodeQuestion(new Uint8Array([255, 255, 255, 255]))).toThrow('at most')
    const smuggled = { ...head, headers: { 'x-a': 'b\r\nhost: c' } }
    expect(() => decodeQuestion(encodeQuestion(smuggled, new Uint8Array()))).toThrow('no head')
    expect(() => decodeQuestion(encodeQuestion({ ...head, path: 'v1' }, new Uint8Array()))).toThrow('no head')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeQuestion(bytes)
        } catch (error) {
          expect(error).toMatchObject({ name: 'CloisterError' })
        }
      }),
    )
  })
})

it('an API key is a session key in 50 characters, and what is none is refused without being quoted', () => {
  const privateKey = generatePrivateKey()
  const text = encodeApiKey(privateKey)
  expect(text).toMatch(/^sk-clo-[A-Za-z0-9_-]{43}$/)
  expect(parseApiKey(text)).toEqual({ privateKey, address: privateKeyToAddress(privateKey) })
  expect(isApiKey('sk-proj-0')).toBe(false)
  expect(() => parseApiKey('sk-clo-short')).toThrow('43 characters')
  // Zero is no private key.
  expect(() => parseApiKey(`sk-clo-${'A'.repeat(43)}`)).toThrow('is no key')
})
