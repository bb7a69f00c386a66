import { CloisterError, messageOf } from '@cloister/core'

/** As `define.ErrNoSuchCtr` and its siblings have them in libpod. */
const GONE = new Set(['no such container', 'no such volume', 'network not found'])

/**
 * The HTTP status an engine answered with, where that is the error. Podman answers 500 for what is removed
 * between two of its own steps, and names the cause, which is 404 here.
 */
export function statusOf(error: unknown): number | undefined {
  const { statusCode, json } = (error ?? {}) as { statusCode?: unknown; json?: { cause?: unknown } }
  if (typeof statusCode !== 'number') return undefined
  return statusCode === 500 && GONE.has(String(json?.cause)) ? 404 : statusCode
}

/** Waits for work that may fail in these ways. Throws `engine-failed` where it fails in another. */
export async function ignoring(statuses: number[], work: Promise<unknown>): Promise<void> {
  await work.catch((error) => {
    if (!statuses.includes(statusOf(error) ?? 0))
      throw new CloisterError('engine-failed', `The container engine says: ${messageOf(error)}.`, {
        cause: error,
      })
  })
}
