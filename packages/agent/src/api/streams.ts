/** An HTTP body that asks a source for its next piece only when the reader has taken the one before. */
export function streamOf(source: AsyncIterable<string>, abort: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await iterator.next()
          if (done) controller.close()
          else controller.enqueue(encoder.encode(value))
        } catch {
          controller.close()
        }
      },
      async cancel() {
        abort()
        // A source that waits for its reader, not for something to come, hears of the end by this alone.
        await iterator.return?.().catch(() => {})
      },
    },
    { highWaterMark: 4 },
  )
}

/**
 * Server-sent events of JSON values; with a comment when nothing happened for a while, so that dead readers
 * are noticed.
 */
export async function* toServerSentEvents<T>(
  source: AsyncIterable<T>,
  idOf?: (value: T) => number,
): AsyncGenerator<string> {
  const iterator = source[Symbol.asyncIterator]()
  yield ': open\n\n'
  let next = iterator.next()
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined
      const idle = new Promise<'idle'>((resolve) => {
        timer = setTimeout(() => resolve('idle'), 15_000)
      })
      const result = await Promise.race([next, idle])
      clearTimeout(timer)
      if (result === 'idle') {
        yield ': still here\n\n'
        continue
      }
      if (result.done) return
      yield `${idOf ? `id: ${idOf(result.value)}\n` : ''}data: ${JSON.stringify(result.value)}\n\n`
      next = iterator.next()
    }
  } finally {
    next.catch(() => {})
    void iterator.return?.()
  }
}

/**
 * Sources, more of which may come, as one, in the order their values come. Ends with the last of them.
 *
 * What has come waits in a list. `Promise.race` over the sources would keep every value for as long as one
 * of them stays silent, since each race leaves a reaction with that one's promise.
 */
export async function* merge<T>(sources: AsyncIterable<AsyncIterable<T>>): AsyncGenerator<T> {
  type Step =
    | { source: IteratorResult<AsyncIterable<T>> }
    | { iterator: AsyncIterator<T>; result: IteratorResult<T> }
    | { failure: unknown }
  const arrived: Step[] = []
  let wake = () => {}
  const active = new Set<AsyncIterator<unknown>>()
  const awaitStep = (step: Promise<Step>) =>
    void step
      .catch((failure) => ({ failure }))
      .then((arrival) => {
        arrived.push(arrival)
        wake()
      })
  const coming = sources[Symbol.asyncIterator]()
  const listen = () => awaitStep(coming.next().then((source) => ({ source })))
  const pull = (iterator: AsyncIterator<T>) =>
    awaitStep(iterator.next().then((result) => ({ iterator, result })))
  active.add(coming)
  listen()
  try {
    while (active.size > 0) {
      const step = arrived.shift()
      if (step === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      else if ('failure' in step) throw step.failure
      else if ('source' in step) {
        if (step.source.done) active.delete(coming)
        else {
          const iterator = step.source.value[Symbol.asyncIterator]()
          active.add(iterator)
          pull(iterator)
          listen()
        }
      } else if (step.result.done) active.delete(step.iterator)
      else {
        yield step.result.value
        pull(step.iterator)
      }
    }
  } finally {
    for (const iterator of active) void iterator.return?.().catch(() => {})
  }
}
