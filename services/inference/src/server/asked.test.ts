import { describe, expect, it } from 'vitest'
import type { EndpointKind } from '../protocol/options.ts'
import { testOptions } from '../testing/index.ts'
import { readAsked } from './asked.ts'

const options = testOptions({ contextLength: 1_000 })

function most(kind: EndpointKind, more: object) {
  return readAsked(kind, Buffer.from(JSON.stringify({ model: 'tiny', ...more })), options).most
}

describe('the most that a request may cost', () => {
  it.each<[EndpointKind, object, number]>([
    ['chat', { max_tokens: 5 }, 5],
    ['chat', { max_completion_tokens: 5 }, 5],
    ['chat', { max_completion_tokens: null, max_tokens: 5 }, 5],
    ['responses', { max_output_tokens: 5 }, 5],
    ['messages', { max_tokens: 5 }, 5],
    ['completions', { max_tokens: 5, n: 3 }, 15],
    // Which of two counts, each engine has its own mind.
    ['chat', { max_completion_tokens: 1, max_tokens: 50 }, 50],
    ['messages', { max_tokens: 50, max_completion_tokens: 1 }, 50],
    ['chat', { max_tokens: 1, n_predict: 50 }, 50],
    ['chat', { max_tokens: 1, n_predict: -1 }, 1_000],
    // A limit of another API is none.
    ['chat', { max_output_tokens: 1 }, 1_000],
    ['completions', { max_completion_tokens: 1 }, 1_000],
    ['responses', { max_tokens: 1 }, 1_000],
    // Some take nothing for no limit at all.
    ['chat', { max_tokens: 0 }, 1_000],
    ['chat', { max_tokens: '1' }, 1_000],
    ['chat', { max_tokens: 5_000 }, 1_000],
    ['chat', {}, 1_000],
    ['completions', { max_tokens: 5, prompt: ['a', 'b', 'c'] }, 15],
    ['completions', { max_tokens: 5, prompt: [1, 2, 3] }, 5],
    ['completions', { max_tokens: 5, prompt: [[1], [2]], n: 2, best_of: 4 }, 40],
    ['embeddings', { input: ['a', 'b'] }, 0],
  ])('in tokens of output: %s %j', (kind, more, output) => {
    expect(most(kind, more).output).toBe(output)
  })

  it('in tokens of input is the context’s for each prompt, and no more than the bytes make', () => {
    const text = 'x'.repeat(2_000)
    expect(most('chat', { messages: [{ role: 'user', content: text }] }).input).toBe(1_000)
    expect(most('embeddings', { input: text }).input).toBe(1_000)
    expect(most('embeddings', { input: [text, text, text] }).input).toBe(3_000)
    expect(most('embeddings', { input: ['a', 'b'] }).input).toBeLessThan(400)
    expect(most('completions', { prompt: [1, 2, 3] }).input).toBeLessThan(400)
  })

  it('counts what the engine remembers as a whole context', () => {
    expect(most('responses', { input: 'go on', previous_response_id: 'resp_1' }).input).toBe(1_000)
    expect(most('responses', { input: 'begin', previous_response_id: null }).input).toBeLessThan(400)
  })
})
