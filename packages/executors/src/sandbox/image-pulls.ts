import type { PullProgress } from '../executor.ts'

/** Brings an image; whoever waits for it may be told how far it is. */
type Bring = (tell: (progress: PullProgress) => void, signal: AbortSignal) => Promise<void>

/** What somebody wants of a pull. */
interface Wish {
  digest: string
  /**
   * Where it comes from. Pulls of one image from several places go on side by side: none can hold up
   * another's.
   */
  place: string
  progress: ((progress: PullProgress) => void) | undefined
  signal: AbortSignal | undefined
  /** Whether the image is there, whoever brought it. */
  isThere(): boolean
  bring: Bring
}

/** One pull that several wait for: it is ended once nobody does any more. */
interface Pulling {
  digest: string
  done: Promise<void>
  aborter: AbortController
  listeners: Set<(progress: PullProgress) => void>
}

/**
 * The pulls that go on in this process: one for each image and place, whoever asks; the first that is done
 * ends the image's others.
 */
export class ImagePulls {
  private readonly running = new Map<string, Pulling>()

  /** Returns once the image is there. What fails for another is tried again as one's own. */
  async wait(wish: Wish): Promise<void> {
    const key = `${wish.digest} ${wish.place}`
    const others = this.running.get(key)
    if (others && !others.aborter.signal.aborted && (await this.join(others, wish).catch(() => false))) return
    wish.signal?.throwIfAborted()
    if (wish.isThere()) return
    await this.join(this.begin(key, wish), wish)
  }

  private async join(pulling: Pulling, { progress, signal, isThere }: Wish): Promise<true> {
    const listener = (said: PullProgress) => progress?.(said)
    pulling.listeners.add(listener)
    let leave = () => {}
    const left = new Promise<never>((_, reject) => {
      leave = () => {
        pulling.listeners.delete(listener)
        // The last to leave waits until nothing of the pull is left.
        if (pulling.listeners.size === 0) pulling.aborter.abort()
        else reject(signal?.reason)
      }
    })
    if (signal?.aborted) leave()
    signal?.addEventListener('abort', leave, { once: true })
    try {
      await Promise.race([pulling.done, left])
    } catch (error) {
      if (signal?.aborted || !isThere()) throw error
    } finally {
      signal?.removeEventListener('abort', leave)
      pulling.listeners.delete(listener)
    }
    signal?.throwIfAborted()
    return true
  }

  private begin(key: string, { digest, bring }: Wish): Pulling {
    const aborter = new AbortController()
    const listeners: Pulling['listeners'] = new Set()
    const tell = (progress: PullProgress) => {
      for (const listener of listeners) listener(progress)
    }
    const done = bring(tell, aborter.signal).then(
      () => this.end(key, pulling, true),
      (error) => {
        this.end(key, pulling, false)
        throw error
      },
    )
    const pulling: Pulling = { digest, done, aborter, listeners }
    this.running.set(key, pulling)
    return pulling
  }

  private end(key: string, pulling: Pulling, isDone: boolean): void {
    if (this.running.get(key) === pulling) this.running.delete(key)
    if (!isDone) return
    for (const other of this.running.values()) if (other.digest === pulling.digest) other.aborter.abort()
  }
}
