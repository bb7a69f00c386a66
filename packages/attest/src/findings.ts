import { EvidenceError } from './errors.ts'
import type { Check, Problem } from './verdict.ts'

/**
 * A rule of verification: what is compared, where that is laid down, and what it means if it doesn't hold.
 */
export interface Rule {
  code: string
  title: string
  source: string
  /** The problem's sentence. */
  otherwise: string
}

/** Collects checks and problems on the way through one piece of evidence. */
export class Findings {
  readonly checks: Check[] = []
  readonly problems: Problem[] = []

  /** Notes the outcome of a rule; returns it. */
  note(rule: Rule, ok: boolean, found?: string, expected?: string): boolean {
    const check: Check = { code: rule.code, ok, title: rule.title, source: rule.source }
    if (found !== undefined) check.found = found
    if (expected !== undefined) check.expected = expected
    this.checks.push(check)
    if (!ok) this.refuse(rule.code, detailed(rule.otherwise, found, expected))
    return ok
  }

  refuse(code: string, message: string): void {
    this.problems.push({ code, message })
  }

  /**
   * Runs a part that may find the evidence unreadable; what it throws becomes a problem, and undefined is
   * returned.
   */
  async attempt<T>(part: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await part()
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error
      this.refuse(error.code, error.message)
      return undefined
    }
  }
}

function detailed(sentence: string, found: string | undefined, expected: string | undefined): string {
  if (found === undefined) return sentence
  return `${sentence.slice(0, -1)}: found ${found}${expected === undefined ? '' : `, expected ${expected}`}.`
}
