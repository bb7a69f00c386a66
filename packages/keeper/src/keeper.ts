import { randomUUID } from 'node:crypto'
import { formatDuration, loop, messageOf } from '@cloister/core'
import type { LeaseStatus } from '@cloister/sdk'
import type { Hex } from 'viem'
import type { Channel } from './channels/channel.ts'
import { conditionsOf } from './condition.ts'
import { compare, type Notice, type Seen } from './notice.ts'
import { Outbox } from './outbox.ts'
import { type ReplaceRules, Replacer } from './replace.ts'
import { type SnapshotRules, SnapshotSchedule } from './snapshots.ts'
import type { StateFile } from './state.ts'
import { planTopUp, settlePayments, type TopUpRules } from './top-up.ts'

/** What a keeper works with. */
export interface KeeperParts {
  file: StateFile
  channels: readonly Channel[]
  /** Statuses of the leases that are watched; `known` are those that were, which may be closed by now. */
  look(known: readonly Hex[]): Promise<LeaseStatus[]>
  /** The money is low with less than so many seconds left. */
  lowSeconds: number
  /** Pays into leases by itself, where it may. */
  topUp?: (TopUpRules & { pay(lease: Hex, amount: bigint): Promise<unknown> }) | undefined
  /** Takes snapshots by itself. */
  snapshots?: SnapshotRules | undefined
  /** Opens lost replicas again, where it may. */
  replace?: ReplaceRules | undefined
  network: { name: string; simulated: boolean }
  /** Says what is going on, in a sentence, for people and for logs. */
  say(kind: string, message: string, lease?: string): void
}

/**
 * Watches leases for their tenant: tells what is the matter with them, once when it comes and once when it
 * goes, and pays into them before their money runs out. Whatever it is about to do is written down before, so
 * that another run goes on where one ended, whenever that was.
 */
export class Keeper {
  private readonly parts: KeeperParts
  private readonly outbox: Outbox
  private readonly snapshots: SnapshotSchedule | undefined
  private readonly replacer: Replacer | undefined

  constructor(parts: KeeperParts) {
    this.parts = parts
    const failed = (channel: string, reason: string) =>
      parts.say('not-told', `${channel} takes no notices just now: ${reason}`)
    this.outbox = new Outbox(parts.file, parts.channels, failed)
    this.snapshots = parts.snapshots && new SnapshotSchedule(parts.file, parts.snapshots, parts.say)
    this.replacer = parts.replace && new Replacer(parts.file, parts.replace, parts.say)
  }

  /** One look at all leases, and what follows from it. `now` in Unix milliseconds. Never throws. */
  async step(now = Date.now()): Promise<void> {
    const { file, say } = this.parts
    try {
      const statuses = await this.parts.look(Object.keys(file.state.leases) as Hex[])
      // Those that were closed before anybody watched them are nobody's loss.
      const watched = statuses.filter(({ lease, state }) => state !== 'closed' || file.state.leases[lease])
      for (const status of statuses) this.compareWith(status, now)
      this.replacer?.look(watched, now)
      file.state.payments = settlePayments(file.state.payments, statuses, now)
      file.save()
      for (const status of statuses) if (!this.isLost(status)) await this.topUp(status, now)
      this.replacer?.advance(now)
      this.snapshots?.look(statuses, now)
    } catch (error) {
      say('not-looked', `The leases could not be looked at: ${messageOf(error)}`)
    }
    await this.outbox.deliver(now)
  }

  /** One look, and waits for the snapshots and replicas that it has begun. */
  async once(): Promise<void> {
    await this.step()
    await Promise.all([this.snapshots?.settled(), this.settled()])
  }

  /** Resolves when no replica is being opened any more. */
  async settled(): Promise<void> {
    await this.replacer?.settled()
  }

  /**
   * Looks every `everyMs` milliseconds until `signal`; what is under way then is waited for, but snapshots
   * and replicas, with which the next run goes on.
   */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    await loop(signal, async () => {
      await this.step()
      return everyMs
    })
    await this.snapshots?.end()
  }

  /** Nothing is paid into a lease that another takes the place of. */
  private isLost({ lease }: LeaseStatus): boolean {
    return this.parts.file.state.replacements.some(({ lost }) => lost === lease)
  }

  private compareWith(status: LeaseStatus, now: number): void {
    const { file, lowSeconds, say } = this.parts
    const known = file.state.leases[status.lease]
    // One that was closed before anybody watched it is no news.
    if (!known && status.state === 'closed') return
    const measures = {
      lowSeconds,
      restartsBefore: known?.restarts,
      snapshotProblem: known?.snapshot?.problem,
      now,
    }
    const { seen, raised, cleared } = compare(known?.seen ?? [], conditionsOf(status, measures), now)
    const notices = [
      ...raised.map((one) => this.noticeOf(status, one, 'raised', now)),
      // Of a closed lease nothing is over: it is closed.
      ...(status.state === 'closed' ? [] : cleared.map((one) => this.noticeOf(status, one, 'cleared', now))),
    ]
    for (const notice of notices) {
      this.outbox.add(notice)
      say(notice.kind, notice.state === 'raised' ? notice.message : `Over: ${notice.message}`, notice.name)
    }
    if (status.state === 'closed') delete file.state.leases[status.lease]
    else
      file.state.leases[status.lease] = {
        seen,
        restarts: Object.fromEntries(status.services.map(({ name, restarts }) => [name, restarts])),
        ...(known?.snapshot && { snapshot: known.snapshot }),
      }
  }

  private noticeOf(
    status: LeaseStatus,
    { kind, message }: Seen,
    state: Notice['state'],
    now: number,
  ): Notice {
    const { network } = this.parts
    return {
      id: randomUUID(),
      time: new Date(now).toISOString(),
      lease: status.lease,
      name: status.name ?? status.shortId,
      kind,
      state,
      message,
      network: network.name,
      simulated: network.simulated,
    }
  }

  private async topUp(status: LeaseStatus, now: number): Promise<void> {
    const { file, topUp, say } = this.parts
    if (!topUp) return
    const { payments } = file.state
    const plan = planTopUp(status, topUp, payments, now)
    const name = status.name ?? status.shortId
    if (plan.amount === 0n) {
      if ('why' in plan && plan.why === 'limit')
        say('limit', 'Its money is low, and the limit of the day is used up.', name)
      return
    }
    const payment = {
      lease: status.lease,
      token: status.token,
      amount: plan.amount.toString(),
      paidIn: status.deposit.toString(),
      at: now,
      done: false,
    }
    payments.push(payment)
    file.save()
    try {
      await topUp.pay(status.lease, plan.amount)
      payment.done = true
      file.save()
      const seconds = Number(plan.amount / (status.ratePerSecond || 1n))
      say('topped-up', `Paid for ${formatDuration(seconds)} more.`, name)
    } catch (error) {
      say('not-topped-up', `Its money is low and nothing could be paid in: ${messageOf(error)}`, name)
    }
  }
}
