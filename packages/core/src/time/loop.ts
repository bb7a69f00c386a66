import { pause } from './pause.ts'

/**
 * Does something again and again until `signal` is aborted: what daemons do all the time. A step says how
 * many milliseconds to wait for the next one, or undefined to end. A step that is under way is waited for;
 * what it throws ends the loop, so whoever wants to go on catches.
 */
export async function loop(signal: AbortSignal, step: () => Promise<number | undefined>): Promise<void> {
  while (!signal.aborted) {
    const ms = await step()
    if (ms === undefined) return
    if (ms > 0) await pause(ms, signal)
  }
}
