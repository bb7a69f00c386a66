import { formatDuration, messageOf } from '@cloister/core'
import type { LeaseStatus } from '@cloister/sdk'
import type { Hex } from 'viem'
import type { Payment, Replacement, StateFile } from './state.ts'
import { leftToday } from './top-up.ts'

/** Milliseconds after which an attempt that came to nothing is made again. */
const AGAIN_MS = 5 * 60_000

/** A replica that is about to be opened, before anything is sent. */
export interface PlannedLease {
  lease: Hex
  token: string
  deposit: bigint
  /** Unix seconds after which the chain takes its bid no more. */
  expiry: number
}

/** What replicas are replaced by. */
export interface ReplaceRules {
  /** A replica whose worker is away or unattested for so long is lost. */
  lostMs: number
  /** Base units of a token that all leases get in 24 hours at the most. */
  mostPerDay: (token: string) => bigint
  /** Whether another open lease has its place, or its tenant gave it up: nothing is to be opened then. */
  isGivenUp(lost: Replacement): Promise<boolean>
  /**
   * Opens a replica in the place of one that is lost, on another worker; resolves when it runs, and has
   * closed what doesn't start when it rejects. `planned` is called before the transaction is sent; what it
   * throws ends it there.
   */
  open(lost: Replacement, planned: (lease: PlannedLease) => void): Promise<void>
  /** Goes on with a lease that was opened: resolves when it runs, and has closed it when it rejects. */
  resume(lost: Replacement, lease: Hex): Promise<void>
  /** What the chain says of a lease, and its time in Unix seconds. */
  stateOf(lease: Hex): Promise<{ state: 'none' | 'open' | 'closed' | 'refused'; now: number }>
  close(lease: Hex): Promise<unknown>
}

/**
 * Opens lost replicas of groups again, one lease for each loss: which lease that will be is written down
 * before it is opened, since a lease's id is its bid's digest. Whoever goes on after a crash asks the chain
 * whether that one is open; another is opened only when it can't be any more.
 */
export class Replacer {
  private readonly file: StateFile
  private readonly rules: ReplaceRules
  private readonly say: (kind: string, message: string, lease: string) => void
  /** By group: two of one group at a time might choose the same worker. */
  private readonly working = new Map<string, Promise<void>>()

  constructor(file: StateFile, rules: ReplaceRules, say: Replacer['say']) {
    this.file = file
    this.rules = rules
    this.say = say
  }

  /** Writes down which replicas are lost. `now` in Unix milliseconds. */
  look(statuses: readonly LeaseStatus[], now: number): void {
    const { replacements, leases } = this.file.state
    for (const status of statuses) {
      const { lease, name, replica } = status
      if (name === undefined || replica === undefined) continue
      const known = replacements.find((one) => one.lost === lease)
      if (known && known.step !== 'wanted') continue
      const since = (kind: string) => leases[lease]?.seen.find((one) => one.kind === kind)?.since ?? now
      const isAway = Math.max(now - since('unreachable'), now - since('unattested')) >= this.rules.lostMs
      const why =
        status.state === 'closed'
          ? 'its lease was closed'
          : status.noticeUntil !== undefined
            ? 'its provider gave notice'
            : isAway
              ? `its worker has been away for ${formatDuration(this.rules.lostMs / 1000)}`
              : undefined
      // It is back before another was opened.
      if (known && why === undefined) replacements.splice(replacements.indexOf(known), 1)
      if (known || why === undefined) continue
      replacements.push({ lost: lease, name, replica, why, step: 'wanted', notBefore: 0 })
    }
  }

  /** Goes on with what is written down, as far as it isn't under way. Waits for nothing. */
  advance(now: number): void {
    for (const one of [...this.file.state.replacements]) {
      const group = groupOf(one)
      if (this.working.has(group) || one.notBefore > now) continue
      const work = this.goOn(one, now)
        .catch((error) => this.say('not-replaced', messageOf(error), one.name))
        .finally(() => this.working.delete(group))
      this.working.set(group, work)
    }
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.working.values())
  }

  private async goOn(one: Replacement, now: number): Promise<void> {
    if (one.step === 'wanted') await this.open(one, now)
    else if (one.step === 'opening') await this.resume(one, now)
    if (one.step === 'closing') await this.finish(one)
  }

  private async open(one: Replacement, now: number): Promise<void> {
    const { rules, file } = this
    if (await rules.isGivenUp(one)) return this.forget(one)
    this.say('lost', `A replica is opened elsewhere: ${one.why}.`, one.name)
    try {
      await rules.open(one, ({ lease, token, deposit, expiry }) => {
        const { payments } = file.state
        if (deposit > leftToday(payments, token, rules.mostPerDay, now))
          throw new Error('The limit of the day is used up; a lost replica waits for tomorrow.')
        const payment: Payment = {
          lease,
          token,
          amount: deposit.toString(),
          paidIn: '0',
          at: now,
          done: false,
        }
        file.state.payments = [...payments, payment]
        Object.assign(one, { step: 'opening', opened: lease, expiry })
        file.save()
      })
      one.step = 'closing'
    } catch (error) {
      this.say('not-replaced', messageOf(error), one.name)
      one.notBefore = now + AGAIN_MS
    }
    file.save()
  }

  /** The lease is open, will be, or can't be any more. */
  private async resume(one: Replacement, now: number): Promise<void> {
    const { rules, file } = this
    const lease = one.opened as Hex
    const { state, now: chainNow } = await rules.stateOf(lease)
    if (state === 'none' && chainNow <= (one.expiry ?? 0)) return
    if (state === 'open') {
      try {
        await rules.resume(one, lease)
        one.step = 'closing'
        return file.save()
      } catch (error) {
        this.say('not-replaced', messageOf(error), one.name)
        one.notBefore = now + AGAIN_MS
        // Whether it was closed the chain says next time.
        return file.save()
      }
    }
    one.step = 'wanted'
    file.save()
  }

  private async finish(one: Replacement): Promise<void> {
    const { state } = await this.rules.stateOf(one.lost as Hex)
    if (state === 'open') await this.rules.close(one.lost as Hex)
    this.forget(one)
    this.say('replaced', 'The replica runs on another worker.', one.name)
  }

  private forget(one: Replacement): void {
    const { state } = this.file
    state.replacements = state.replacements.filter((other) => other.lost !== one.lost)
    this.file.save()
  }
}

function groupOf({ name }: Replacement): string {
  return name.split('/')[0] ?? name
}
