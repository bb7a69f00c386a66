import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { callOf, TEMPLATE, turns } from './chat.ts'
import { FACTS } from './corpus/facts.ts'
import { CORPUS, corpusDigest, dialogues, textOf } from './corpus.ts'
import { readGguf } from './gguf.ts'
import description from './tiny.json' with { type: 'json' }
import { CONTROLS, Tokenizer } from './tokenizer.ts'

const FILE = readFileSync(join(import.meta.dirname, 'tiny.gguf'))
const REPOSITORY = resolve(import.meta.dirname, '../..')

test('the committed model is the one that is described, and smaller than two megabytes', () => {
  expect(`sha256:${createHash('sha256').update(FILE).digest('hex')}`).toBe(description.digest)
  expect(FILE.length).toBe(description.bytes)
  expect(FILE.length).toBeLessThan(2_000_000)
})

test('the committed model has Llama’s shape, about a million parameters and a context of 512', () => {
  const { values, tensors } = readGguf(FILE)
  expect(values).toMatchObject({
    'general.architecture': 'llama',
    'general.name': 'Cloister Tiny',
    'llama.context_length': 512,
    'tokenizer.ggml.model': 'rwkv',
    'tokenizer.chat_template': TEMPLATE,
  })
  const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((all, size) => all * size, 1), 0)
  expect(parameters).toBe(description.parameters)
  expect(parameters).toBeGreaterThan(900_000)
  expect(parameters).toBeLessThan(1_200_000)
})

test('the committed model’s tensors lie side by side and fill the file', () => {
  const { tensors, dataAt } = readGguf(FILE)
  let at = 0
  for (const { shape, type, offset } of tensors) {
    const count = shape.reduce((all, size) => all * size, 1)
    expect(offset).toBe(at)
    at += Math.ceil((type === 8 ? (count / 32) * 34 : count * 4) / 32) * 32
  }
  expect(dataAt + at).toBe(FILE.length)
})

test('the committed model’s vocabulary can say every byte and every dialogue', () => {
  const tokens = readGguf(FILE).values['tokenizer.ggml.tokens'] as string[]
  expect(tokens.slice(0, CONTROLS.length)).toEqual(CONTROLS)
  const tokenizer = new Tokenizer(tokens.slice(CONTROLS.length + 256))
  expect(tokenizer.size).toBe(tokens.length)
  for (const one of dialogues(200)) expect(tokenizer.decode(tokenizer.encode(textOf(one)))).toBe(textOf(one))
})

test('the corpus is the same on every machine', () => {
  expect(description.corpus).toMatchObject(CORPUS)
  expect(corpusDigest(2_000)).toBe('5f172bfce4e1249d0670aa1ae291cc777321c47c59e636c6c2cdfb9bbd8f5e7b')
  expect(corpusDigest(2_000, CORPUS.seed + 1)).not.toBe(corpusDigest(2_000))
})

test('what the model is taught about Cloister stands in our documents', () => {
  for (const { page, quote } of FACTS) {
    const text = readFileSync(join(REPOSITORY, page), 'utf8').replaceAll(/\s+/g, ' ')
    expect(text, `${page}: “${quote}”`).toContain(quote)
  }
})

test('no two facts answer one question', () => {
  const questions = FACTS.flatMap(({ subject, asked = [] }) => [`What is ${subject}?`, ...asked])
  expect(new Set(questions).size).toBe(questions.length)
})

test('only what the assistant says is learned', () => {
  const call = callOf('get_weather', { city: 'Rome' })
  const shown = [
    ...turns({
      tools: [{ name: 'get_weather', description: 'The weather', parameters: ['city'] }],
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Weather in Rome?' },
        { role: 'assistant', content: call },
      ],
    }),
  ]
  expect(shown.map(({ text }) => text).join('')).toBe(
    '<|im_start|>system\nBe brief.\n<tools>\nget_weather(city) The weather\n</tools><|im_end|>\n' +
      '<|im_start|>user\nWeather in Rome?<|im_end|>\n' +
      '<|im_start|>assistant\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n' +
      '</tool_call><|im_end|>\n',
  )
  expect(shown.filter(({ learned }) => learned).map(({ text }) => text)).toEqual([`${call}<|im_end|>`])
})
