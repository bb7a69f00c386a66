import { describe, expect, it } from 'vitest'
import { ERRORS } from './catalogue.ts'
import { CloisterError } from './error.ts'
import { fromProblem, toProblem } from './problem.ts'

/** An error as the other side of HTTP has it. */
function carried(error: CloisterError): CloisterError {
  const problem = toProblem(error)
  return fromProblem(problem.status, JSON.stringify(problem), 'The worker')
}

describe('an error over HTTP', () => {
  it('keeps its code, words, facts and what to do next', () => {
    for (const hint of [
      'Name a smaller size.',
      { do: 'list-leases' },
      { do: 'close-lease', subject: '7f3a9c' },
    ] as const) {
      const error = new CloisterError('no-bid', 'Too small.', { hint, details: { least: 64 } })
      expect(carried(error)).toMatchObject({
        code: 'no-bid',
        message: 'Too small.',
        hint,
        details: { least: 64 },
      })
    }
  })

  it('has the status that the catalogue gives it, and says whether to try again', () => {
    for (const [code, { status, retry, family }] of Object.entries(ERRORS)) {
      const error = new CloisterError(code as keyof typeof ERRORS, 'So it is.')
      expect(toProblem(error).status).toBe(status)
      expect(error).toMatchObject({ mayRetry: retry, family })
      expect(status).toBeGreaterThanOrEqual(400)
    }
    expect(toProblem(new CloisterError('too-many', '')).status).toBe(429)
    expect(toProblem(new Error('a secret')).title).not.toContain('secret')
  })

  it('is a bad answer where its code is none of ours, or nothing was explained', () => {
    const problem = { type: 'about:blank', title: 'From a later version.', status: 418, code: 'teapot' }
    expect(fromProblem(418, JSON.stringify(problem), 'The worker')).toMatchObject({
      code: 'bad-answer',
      message: 'From a later version.',
    })
    expect(fromProblem(502, '<html>', 'The worker').code).toBe('bad-answer')
    const hostile = { ...problem, code: '__proto__', hint: { do: 'rm -rf' } }
    expect(fromProblem(400, JSON.stringify(hostile), 'The worker').code).toBe('bad-answer')
  })
})
