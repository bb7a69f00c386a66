import type { ChildProcess } from 'node:child_process'
import { CloisterError, type ErrorCode, type Hint, messageOf } from '@cloister/core'
import type { Documents } from '@cloister/development/root'
import { onceAbandoned } from '@cloister/operations/stop'
import type { DaemonSettings } from './daemon.ts'
import type { Supervision } from './supervisor.ts'

/**
 * What the set-up asks of the supervisor, over the channel that Node has between a process and what it
 * forked.
 */
type Order =
  | { act: 'launch'; daemon: DaemonSettings }
  | { act: 'serveEndorsements'; port: number; documents: Documents }
  | { act: 'label'; platform: string; token: string }
  | { act: 'claim'; port: number }
  | { act: 'up' }
interface Numbered {
  number: number
  order: Order
}
interface Answer {
  number: number
  value?: unknown
  error?: { code: ErrorCode; message: string; hint: Hint | undefined }
}

/** Does what a forked set-up orders. `onUp` is told when it says that the network is up. */
export function obey(setUp: ChildProcess, supervision: Supervision, onUp: () => void): void {
  const perform = (order: Order): unknown => {
    if (order.act === 'launch') return supervision.launch(order.daemon)
    if (order.act === 'serveEndorsements') return supervision.serveEndorsements(order.port, order.documents)
    if (order.act === 'label') return supervision.label(order.platform, order.token)
    if (order.act === 'claim') return supervision.claim(order.port)
    return onUp()
  }
  setUp.on('message', async (message) => {
    const { number, order } = message as Numbered
    const answer: Answer = { number }
    try {
      answer.value = await perform(order)
    } catch (error) {
      const known = error instanceof CloisterError ? error : undefined
      answer.error = { code: known?.code ?? 'daemon-failed', message: messageOf(error), hint: known?.hint }
    }
    // It may have ended meanwhile.
    if (setUp.connected) setUp.send(answer, () => {})
  })
}

/** The supervisor, for the set-up that it has forked. */
export class DistantSupervision implements Supervision {
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private last = 0

  constructor() {
    process.on('message', (message) => {
      const answer = message as Answer
      this.waiting.get(answer.number)?.(answer)
      this.waiting.delete(answer.number)
    })
    // Nobody is there to keep what would be started.
    onceAbandoned(() => process.exit(1))
  }

  launch(daemon: DaemonSettings): Promise<void> {
    return this.order({ act: 'launch', daemon }) as Promise<void>
  }

  serveEndorsements(port: number, documents: Documents): Promise<void> {
    return this.order({ act: 'serveEndorsements', port, documents }) as Promise<void>
  }

  label(platform: string, token: string): Promise<void> {
    return this.order({ act: 'label', platform, token }) as Promise<void>
  }

  claim(port: number): Promise<boolean> {
    return this.order({ act: 'claim', port }) as Promise<boolean>
  }

  /** Says that the network is up. */
  up(): Promise<void> {
    return this.order({ act: 'up' }) as Promise<void>
  }

  private async order(order: Order): Promise<unknown> {
    const number = ++this.last
    const answered = new Promise<Answer>((resolve) => this.waiting.set(number, resolve))
    process.send?.({ number, order } satisfies Numbered)
    const { value, error } = await answered
    if (error)
      throw new CloisterError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint })
    return value
  }
}
