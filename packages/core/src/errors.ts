/** What every Cloister error carries besides its message. */
export interface CloisterErrorOptions {
  /** What to do next, one sentence. */
  hint?: string
  /** Facts for programs; JSON values only, never secrets. */
  details?: Record<string, unknown>
  cause?: unknown
}

/**
 * The root of all errors this project throws on purpose. `code` is stable; the message names what was wrong.
 */
export class CloisterError extends Error {
  override name = 'CloisterError'
  readonly code: string
  readonly hint: string | undefined
  readonly details: Record<string, unknown>

  constructor(code: string, message: string, options: CloisterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? {}
  }
}

/** The first error of class `type` along the chain of causes, or undefined. */
export function findCause<T extends Error>(
  error: unknown,
  type: new (...parameters: never[]) => T,
): T | undefined {
  let current = error
  for (let depth = 0; depth < 16 && current instanceof Error; depth++) {
    if (current instanceof type) return current
    current = current.cause
  }
  return undefined
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0] ?? text
}
