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
      cancel() {
        abort()
      },
    },
    { highWaterMark: 4 },
  )
}

/** Server-sent events of JSON values; with a comment when nothing happened for a while, so that dead readers are noticed. */
export async function* toServerSentEvents<T>(source: AsyncIterable<T>, idOf?: (value: T) => number): AsyncGenerator<string> {
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

/** Sources, more of which may come, as one, in the order their values come. Ends with the last of them. */
export async function* merge<T>(sources: AsyncIterable<AsyncIterable<T>>): AsyncGenerator<T> {
  type Step = { source: IteratorResult<AsyncIterable<T>> } | { iterator: AsyncIterator<T>; result: IteratorResult<T> }
  const pending = new Map<AsyncIterator<unknown>, Promise<Step>>()
  const coming = sources[Symbol.asyncIterator]()
  const listen = () =>
    pending.set(
      coming,
      coming.next().then((source) => ({ source })),
    )
  const pull = (iterator: AsyncIterator<T>) =>
    pending.set(
      iterator,
      iterator.next().then((result) => ({ iterator, result })),
    )
  listen()
  try {
    while (pending.size > 0) {
      const step = await Promise.race(pending.values())
      if ('source' in step) {
        if (step.source.done) pending.delete(coming)
        else {
          pull(step.source.value[Symbol.asyncIterator]())
          listen()
        }
      } else if (step.result.done) pending.delete(step.iterator)
      else {
        yield step.result.value
        pull(step.iterator)
      }
    }
  } finally {
    for (const [iterator, waiting] of pending) {
      waiting.catch(() => {})
      void iterator.return?.()
    }
  }
}
