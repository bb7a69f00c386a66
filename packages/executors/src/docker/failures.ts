import { CloisterError, messageOf } from '@cloister/core'

/** The HTTP status an engine answered with, where that is the error. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode
  return typeof status === 'number' ? status : undefined
}

/** Waits for work that may fail in these ways. Throws `engine-failed` where it fails in another. */
export async function ignoring(statuses: number[], work: Promise<unknown>): Promise<void> {
  await work.catch((error) => {
    if (!statuses.includes(statusOf(error) ?? 0)) throw new CloisterError('engine-failed', `The container engine says: ${messageOf(error)}.`, { cause: error })
  })
}
