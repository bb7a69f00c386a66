import { CloisterError } from '@cloister/core'

const MOST_TEXT = 300

/** What an API server refuses. `status` is HTTP's; 0 where there was no answer. */
export class ApiFailure extends Error {
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message.slice(0, MOST_TEXT), options)
    this.status = status
  }
}

/** HTTP's status of a refusal; undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiFailure ? error.status : undefined
}

/** Waits for work, and takes a refusal of these statuses for success. Throws `engine-failed` for others. */
export async function ignoring<T>(statuses: readonly number[], work: Promise<T>): Promise<T | undefined> {
  return work.catch((error) => {
    if (statuses.includes(statusOf(error) ?? -1)) return undefined
    throw failed(error)
  })
}

export function failed(cause: unknown): unknown {
  if (!(cause instanceof ApiFailure)) return cause
  return new CloisterError('engine-failed', `The cluster says: ${cause.message}.`, { cause })
}
