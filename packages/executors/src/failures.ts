import { CloisterError, messageOf } from '@cloister/core'

/** The error of a container that does not start. */
export function startFailed(name: string, cause: unknown): CloisterError {
  if (cause instanceof CloisterError) return cause
  return new CloisterError('start-failed', `${name} does not start: ${messageOf(cause).slice(0, 300)}.`, {
    cause,
  })
}

/** The error of a volume that a lease doesn't have. */
export function noVolume(volume: string): CloisterError {
  return new CloisterError('not-found', `The lease has no volume ${volume}, or nothing was written to it.`)
}
