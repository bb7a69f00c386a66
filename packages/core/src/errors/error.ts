import { ERRORS, type ErrorCode, type ErrorFamily } from './catalogue.ts'
import type { Hint } from './hint.ts'

/** What every Cloister error carries besides its message. */
export interface CloisterErrorOptions {
  /** What to do next. */
  hint?: Hint
  /** Facts for programs; JSON values only, never secrets. */
  details?: Record<string, unknown>
  cause?: unknown
}

/**
 * The root of all errors this project throws on purpose. `code` is stable; the message names what was wrong.
 */
export class CloisterError extends Error {
  override name = 'CloisterError'
  readonly code: ErrorCode
  readonly hint: Hint | undefined
  readonly details: Record<string, unknown>
  /** What else was found wrong on the way, in the order in which a person would mend it. */
  others: readonly CloisterError[] = []

  constructor(code: ErrorCode, message: string, options: CloisterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? {}
  }

  /** What kind of thing went wrong. */
  get family(): ErrorFamily {
    return ERRORS[this.code].family
  }

  /** Whether the very same attempt may come to something later. */
  get mayRetry(): boolean {
    return ERRORS[this.code].retry
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
