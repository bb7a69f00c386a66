import type { WorkerClient } from '@cloister/client'
import { pause } from '@cloister/core'
import type { Hex } from 'viem'

/**
 * Hears from a worker when something happens to a lease, so that nobody has to ask again and again how it is
 * doing. What is heard is not believed: it says when to ask.
 */
export class Hearing {
  private readonly stopping = new AbortController()
  private isNew = false
  private wake = () => {}
  /** Whether the worker tells. Where it doesn't, or breaks off, whoever waits has to ask in time. */
  isTelling = false

  constructor(client: Pick<WorkerClient, 'events'>, lease: Hex) {
    this.listen(client, lease).catch(() => {
      this.isTelling = false
    })
  }

  /** Waits until something has happened since the last time, or for `ms` milliseconds. */
  async wait(ms: number): Promise<void> {
    if (!this.isNew) {
      const waking = new AbortController()
      this.wake = () => waking.abort()
      await pause(ms, waking.signal)
    }
    this.isNew = false
  }

  stop(): void {
    this.stopping.abort()
  }

  private async listen(client: Pick<WorkerClient, 'events'>, lease: Hex): Promise<void> {
    for await (const _ of client.events(lease, { follow: true, signal: this.stopping.signal })) {
      this.isTelling = true
      this.isNew = true
      this.wake()
    }
    this.isTelling = false
  }
}
