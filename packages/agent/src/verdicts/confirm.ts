import { type FreshBlock, freshBlock } from '@cloister/chain'
import { CloisterError, GrowingPause, loop, messageOf } from '@cloister/core'
import { type Confirming, confirmOwnGpus } from './own-gpus.ts'

const RETRY_MS = 15_000
const LONGEST_RETRY_MS = 240_000

/**
 * Has a worker's GPUs vouched for after each attestation, and again and again where that fails: an hour that
 * begins without a verdict brings no emission.
 */
export class GpuConfirmation {
  private readonly parts: Confirming
  private readonly signal: AbortSignal
  private readonly retryMs: number
  private round = 0

  /** Waits `retryMs` after a first failure, then more and more patiently. */
  constructor(parts: Confirming, signal: AbortSignal, retryMs = RETRY_MS) {
    this.parts = parts
    this.signal = signal
    this.retryMs = retryMs
  }

  /** Begins anew, with evidence bound to `block`. */
  begin(block: FreshBlock): void {
    void this.keepTrying(block, ++this.round)
  }

  private async keepTrying(block: FreshBlock, round: number): Promise<void> {
    const { wallet, log } = this.parts
    const pauses = new GrowingPause({ firstMs: this.retryMs, longestMs: LONGEST_RETRY_MS })
    let attempt = 0
    await loop(this.signal, async () => {
      if (round !== this.round) return undefined
      try {
        // The block of the attestation grows too old for a later try.
        await confirmOwnGpus(this.parts, attempt === 0 ? block : await freshBlock(wallet))
        return undefined
      } catch (error) {
        log('warn', 'the GPUs could not be confirmed; they count for nothing on chain until they are', {
          attempt: ++attempt,
          error: messageOf(error),
          ...(error instanceof CloisterError && error.details),
        })
      }
      return pauses.take()
    })
  }
}
