import { messageOf } from '@cloister/core'
import { patiently } from './patience.ts'

/** Why a daemon should get no work just now: a stable code, and a sentence for people. */
export interface Reason {
  code: string
  message: string
}

/** What `/ready` answers. */
export interface ReadinessReport {
  ready: boolean
  reasons: Reason[]
}

/** Milliseconds for which an answer is given again: `/ready` may be public, and looking costs something. */
const REMEMBERED_MS = 1_000

/** Whether a daemon is ready, and why not: it looks when somebody asks. */
export class Readiness {
  private readonly look: () => Promise<Reason[]>
  private stopping = false
  private asking: Promise<Reason[]> | undefined
  private askedAt = 0

  /**
   * `look` returns all that is wrong. What it throws, and not coming back within 5 seconds, is wrong, too.
   */
  constructor(look: () => Promise<Reason[]>) {
    this.look = look
  }

  async report(): Promise<ReadinessReport> {
    if (this.stopping)
      return { ready: false, reasons: [{ code: 'stopping', message: 'It was asked to stop.' }] }
    if (!this.asking || Date.now() - this.askedAt > REMEMBERED_MS) {
      this.askedAt = Date.now()
      this.asking = patiently(this.look()).catch((error) => [{ code: 'failed', message: messageOf(error) }])
    }
    const reasons = await this.asking
    return { ready: reasons.length === 0, reasons }
  }

  /** From now on it is not ready: it was asked to stop. */
  stop(): void {
    this.stopping = true
  }
}
