import type { Notice } from '../notice.ts'

/** A way to tell a tenant something. */
export interface Channel {
  /** Names it among a keeper's, the same each time. */
  readonly name: string
  /**
   * Throws where the notice wasn't taken; it is told again later, with the same id. `signal` ends the
   * attempt: nobody waits for it any more.
   */
  tell(notice: Notice, signal?: AbortSignal): Promise<void>
}
