import { CloisterError } from '@cloister/core'
import { expect, it } from 'vitest'
import { reach } from './ask.ts'

it('says why somebody can not be reached in the words of what failed first, however deep', async () => {
  const inner = new TypeError('fetch failed', { cause: new Error('its key is another') })
  const middle = new CloisterError('unreachable', 'The worker does not answer: its key is another.', {
    cause: inner,
  })
  const fail = (error: Error) =>
    reach('The worker', 'https://worker/x', { method: 'PUT' }, () => Promise.reject(error))
  for (const error of [inner, middle, new TypeError('fetch failed', { cause: middle })])
    await expect(fail(error)).rejects.toMatchObject({
      code: 'unreachable',
      message: 'The worker does not answer at https://worker: its key is another.',
    })
  const judged = new CloisterError('not-attested', 'The worker is not to be trusted.')
  await expect(fail(new TypeError('fetch failed', { cause: judged }))).rejects.toBe(judged)
})
