import { CloisterError, messageOf } from '@cloister/core'
import type { Channel } from './channels/channel.ts'
import type { Notice } from './notice.ts'
import type { StateFile, Waiting } from './state.ts'

const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 15 * 60_000
/** Milliseconds in which a channel takes one notice, and in which all of one look are told. */
const TELL_MS = 45_000
const PASS_MS = 30_000
/** A notice that nobody took for so long is given up. */
const GIVEN_UP_MS = 3 * 24 * 3_600_000
/** Notices that may wait for one channel; the oldest go. */
const MOST_WAITING = 1_000

/** Notices on their way. Each is written down before it is told, and told until it is taken. */
export class Outbox {
  private readonly file: StateFile
  private readonly channels: readonly Channel[]
  private readonly failed: (channel: string, reason: string) => void

  /** `failed` is told each time that a channel takes nothing. */
  constructor(
    file: StateFile,
    channels: readonly Channel[],
    failed: (channel: string, reason: string) => void = () => {},
  ) {
    this.file = file
    this.channels = channels
    this.failed = failed
  }

  /** Adds a notice for every channel. Whoever calls saves. */
  add(notice: Notice): void {
    const { state } = this.file
    for (const { name } of this.channels)
      state.waiting.push({ notice, channel: name, attempts: 0, nextAt: 0 })
    state.waiting.splice(0, Math.max(0, state.waiting.length - MOST_WAITING * this.channels.length))
  }

  /**
   * Tells what is due, in the order in which it came, for a while: leases are looked at again however slow a
   * channel is, and the rest is told after that. `now` in Unix milliseconds.
   */
  async deliver(now: number): Promise<void> {
    await Promise.all(this.channels.map((channel) => this.deliverTo(channel, now)))
  }

  private async deliverTo(channel: Channel, now: number): Promise<void> {
    const until = performance.now() + PASS_MS
    for (const waiting of this.file.state.waiting.filter(({ channel: name }) => name === channel.name)) {
      // What comes later waits for what came before.
      if (waiting.nextAt > now || performance.now() > until) return
      try {
        await inTime(channel, waiting.notice)
        this.remove(waiting)
      } catch (error) {
        this.failed(channel.name, messageOf(error))
        if (now - Date.parse(waiting.notice.time) > GIVEN_UP_MS) {
          this.remove(waiting)
          continue
        }
        waiting.nextAt = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** waiting.attempts)
        waiting.attempts++
        this.file.save()
        return
      }
    }
  }

  private remove(waiting: Waiting): void {
    const { state } = this.file
    state.waiting = state.waiting.filter((other) => other !== waiting)
    this.file.save()
  }
}

/** Tells a notice. Throws `unreachable` where that takes too long, whatever becomes of it. */
async function inTime(channel: Channel, notice: Notice): Promise<void> {
  const aborter = new AbortController()
  const late = new CloisterError('unreachable', `${channel.name} takes too long.`)
  const timer = setTimeout(() => aborter.abort(late), TELL_MS)
  const end = new Promise<never>((_, reject) =>
    aborter.signal.addEventListener('abort', () => reject(late), { once: true }),
  )
  try {
    await Promise.race([channel.tell(notice, aborter.signal), end])
  } finally {
    clearTimeout(timer)
  }
}
