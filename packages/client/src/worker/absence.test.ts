import { CloisterError, type ErrorCode } from '@cloister/core'
import { expect, it } from 'vitest'
import { throughAbsence } from './absence.ts'

/** What fails so often before it succeeds. */
function failing(code: ErrorCode, times: number) {
  let asked = 0
  return async () => {
    if (asked++ < times) throw new CloisterError(code, 'It fails.')
    return asked
  }
}

it.each(['unreachable', 'internal', 'repeated'] as const)('is asked again after %s', async (code) => {
  expect(await throughAbsence(failing(code, 1))).toBe(2)
})

it('is not asked again after what stays as it is', async () => {
  await expect(throughAbsence(failing('unauthorized', 1))).rejects.toMatchObject({ code: 'unauthorized' })
})
