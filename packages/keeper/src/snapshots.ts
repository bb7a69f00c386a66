import { messageOf } from '@cloister/core'
import type { LeaseStatus } from '@cloister/sdk'
import type { StateFile } from './state.ts'

/** After one that failed, the next try comes so much sooner, and not before a quarter of an hour. */
const TRIES = 4
const LEAST_PAUSE_MS = 900_000

/** How snapshots are taken by a schedule. */
export interface SnapshotRules {
  everyMs: number
  /** Takes one; says in a sentence what was taken, or nothing where there is nothing to take. */
  take(status: LeaseStatus, signal: AbortSignal): Promise<string | undefined>
}

/**
 * Takes snapshots of leases, one after the other, while they are looked at: however long one takes, it holds
 * nothing else up. When a lease's last one was begun is in the state file, so another run goes on from there.
 */
export class SnapshotSchedule {
  private readonly file: StateFile
  private readonly rules: SnapshotRules
  private readonly say: (kind: string, message: string, lease?: string) => void
  private readonly ended = new AbortController()
  private work: Promise<void> | undefined

  constructor(file: StateFile, rules: SnapshotRules, say: SnapshotSchedule['say']) {
    this.file = file
    this.rules = rules
    this.say = say
  }

  /** Begins what is due at `now`, in Unix milliseconds, unless something is under way. */
  look(statuses: readonly LeaseStatus[], now: number): void {
    const due = statuses.filter((status) => this.isDue(status, now))
    if (this.work || due.length === 0) return
    this.work = this.takeAll(due).finally(() => (this.work = undefined))
  }

  /** Waits until nothing is under way. */
  async settled(): Promise<void> {
    await this.work
  }

  /** Breaks off what is under way: the next run goes on with it. */
  async end(): Promise<void> {
    this.ended.abort()
    await this.work
  }

  private isDue({ lease, state }: LeaseStatus, now: number): boolean {
    if (state === 'closed' || state === 'unreachable') return false
    const { takenAt = 0, triedAt = 0 } = this.file.state.leases[lease]?.snapshot ?? {}
    const { everyMs } = this.rules
    return (
      now - takenAt >= everyMs &&
      now - triedAt >= Math.min(everyMs, Math.max(everyMs / TRIES, LEAST_PAUSE_MS))
    )
  }

  private async takeAll(due: readonly LeaseStatus[]): Promise<void> {
    for (const status of due) {
      if (this.ended.signal.aborted) return
      const name = status.name ?? status.shortId
      const triedAt = Date.now()
      this.note(status, { triedAt })
      try {
        const taken = await this.rules.take(status, this.ended.signal)
        this.note(status, { takenAt: triedAt, triedAt, problem: undefined })
        if (taken !== undefined) this.say('snapshot', taken, name)
      } catch (error) {
        if (this.ended.signal.aborted) return this.note(status, { triedAt: 0 })
        this.note(status, { problem: messageOf(error).slice(0, 1_000) })
        this.say('no-snapshot', messageOf(error), name)
      }
    }
  }

  private note(
    { lease }: LeaseStatus,
    change: { takenAt?: number; triedAt?: number; problem?: string | undefined },
  ): void {
    const known = this.file.state.leases[lease]
    if (!known) return
    known.snapshot = { ...known.snapshot, ...change }
    this.file.save()
  }
}
