/**
 * Does work that a stranger could draw out. Its signal comes with `signal`, or `ms` milliseconds after it
 * began. Throws `late` then, and otherwise what the work throws; either once the work has ended.
 */
export async function withinTime<T>(
  ms: number,
  late: Error,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const aborter = new AbortController()
  const timer = setTimeout(() => aborter.abort(late), ms)
  try {
    return await work(signal ? AbortSignal.any([aborter.signal, signal]) : aborter.signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw aborter.signal.aborted ? late : error
  } finally {
    clearTimeout(timer)
  }
}
