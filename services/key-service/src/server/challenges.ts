import { randomBytes } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import { bytesToHex, type Hex } from 'viem'

const GOOD_MS = 60_000
const MOST = 10_000

/** Numbers that were given out, each good for one answer. */
export class Challenges {
  private readonly given = new Map<Hex, number>()

  /** A fresh one. Where too many are out, the oldest is forgotten: asking again costs its owner nothing. */
  next(): Hex {
    for (const [challenge, at] of this.given) {
      if (Date.now() - at <= GOOD_MS && this.given.size < MOST) break
      this.given.delete(challenge)
    }
    const challenge = bytesToHex(randomBytes(32))
    this.given.set(challenge, Date.now())
    return challenge
  }

  /** Uses one up. Throws `stale` where it wasn't given out here a moment ago. */
  use(challenge: Hex): void {
    const at = this.given.get(challenge)
    this.given.delete(challenge)
    if (at === undefined || Date.now() - at > GOOD_MS)
      throw new CloisterError(
        'stale',
        'The evidence answers no question that was asked here in the last minute.',
        {
          hint: 'Ask for a challenge and try again.',
        },
      )
  }
}
