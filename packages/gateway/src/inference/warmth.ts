import { hash, randomBytes } from 'node:crypto'
import { Remembered } from './remembered.ts'

/** Conversations that are remembered; each takes about 200 bytes. */
const MOST_CONVERSATIONS = 65_536
/** Bytes of each piece of a beginning that tell it from others. */
const MOST_BYTES = 4_096

/**
 * Which endpoint had a conversation last: an engine that has computed its beginning goes on from there. What
 * is kept of it is a digest with a secret of this process's.
 */
export class Warmth {
  private readonly had: Remembered<string>
  private readonly secret = randomBytes(32).toString('base64')

  constructor(most = MOST_CONVERSATIONS) {
    this.had = new Remembered(most)
  }

  /** Names of a beginning, the longest first. */
  namesOf(model: string, beginning: readonly Buffer[]): string[] {
    const names: string[] = []
    let name = `${this.secret} ${model}`
    for (const piece of beginning) {
      name = hash('sha256', Buffer.concat([Buffer.from(name), piece.subarray(0, MOST_BYTES)]), 'base64')
      names.unshift(name)
    }
    return names
  }

  /** The name of a request that its client may send again, by the key it gave it. */
  nameOfRequest(key: string, idempotencyKey: string): string {
    return hash('sha256', `${this.secret} ${key} ${idempotencyKey}`, 'base64')
  }

  /** The lease that had any of these, the first that is known. */
  find(names: readonly string[]): string | undefined {
    for (const name of names) {
      const lease = this.had.get(name)
      if (lease !== undefined) return lease
    }
    return undefined
  }

  keep(names: readonly string[], lease: string): void {
    for (const name of names) this.had.set(name, lease)
  }
}
