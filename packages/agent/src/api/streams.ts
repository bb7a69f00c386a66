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

/** Several sources as one, in the order their values come. */
export async function* merge<T>(sources: AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]())
  const step = (index: number) => iterators[index]?.next().then((result) => ({ index, result })) ?? Promise.reject(new Error('no such source'))
  const pending = new Map(iterators.map((_, index) => [index, step(index)]))
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values())
      if (result.done) pending.delete(index)
      else {
        yield result.value
        pending.set(index, step(index))
      }
    }
  } finally {
    for (const waiting of pending.values()) waiting.catch(() => {})
    for (const iterator of iterators) void iterator.return?.()
  }
}
