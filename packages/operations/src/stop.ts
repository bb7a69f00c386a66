import { CloisterError } from '@cloister/core'

/** How a process ends itself; tests have another. */
type Exit = (code: number) => void

/** A process as seen from inside: signals, and the channel to whoever started it. */
interface Channel extends Pick<NodeJS.EventEmitter, 'on'> {
  /** Undefined where there never was a channel. */
  connected?: boolean | undefined
}

/** Shells' code for a program that a signal ended (128 + SIGTERM). */
const ASKED_TWICE = 143

/**
 * Has a daemon stop once SIGTERM or SIGINT comes, or whoever started it with a channel is gone. `stop` lets
 * what is under way end, within a bound of its own; then the process exits, with 1 where `stop` failed. A
 * second signal ends it at once.
 */
export function stopWhenAsked(
  stop: () => Promise<void>,
  exit: Exit = process.exit,
  source: Channel = process,
): void {
  let asked = false
  const leave = () => {
    if (asked) return
    asked = true
    stop().then(
      () => exit(0),
      () => exit(1),
    )
  }
  const signalled = () => (asked ? exit(ASKED_TWICE) : leave())
  source.on('SIGINT', signalled).on('SIGTERM', signalled)
  onceAbandoned(leave, source)
}

/**
 * Calls `leave` once whoever started this process with a channel is gone; at once where that happened before
 * anybody listened. Never where it was started without one.
 */
export function onceAbandoned(leave: () => void, source: Channel = process): void {
  source.on('disconnect', leave)
  if (source.connected === false) leave()
}

/**
 * Milliseconds that requests under way have to end, of `--drain SECONDS` as it is typed. Throws
 * `bad-option`.
 */
export function parseDrain(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text) * 1000
  throw new CloisterError('bad-option', `--drain takes whole seconds, not ${text}.`)
}
