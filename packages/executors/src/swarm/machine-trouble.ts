import { CloisterError } from '@cloister/core'

/** What calls to a machine end with that is gone, or is no machine of the worker's any more. */
const CODES: readonly string[] = ['unreachable', 'not-attested']

/** Whether a machine, and not what runs on it, is the trouble. */
export function isMachineTrouble(error: unknown): boolean {
  return error instanceof CloisterError && CODES.includes(error.code)
}
