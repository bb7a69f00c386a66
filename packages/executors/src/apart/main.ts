import type { ApartWord } from './run.ts'

/** Bytes between two words on how far it is. */
const PROGRESS_BYTES = 4 * 1024 * 1024

/**
 * What a program that `runApart` runs does all its life: takes one order as a line on its input, does it,
 * and ends with whoever started it. `explain` says of a failure what its order's owner may know.
 */
export async function mainApart<Order>(
  work: (order: Order) => Promise<void>,
  explain: (error: unknown) => string,
): Promise<void> {
  try {
    await work(await readOrder<Order>())
    process.exit(0)
  } catch (error) {
    const word = JSON.stringify({ failed: explain(error) } satisfies ApartWord)
    process.stdout.write(`${word}\n`, () => process.exit(1))
  }
}

/** Counts the bytes that pass through it, and says now and then how many there were in all. */
export class Counter {
  private bytes = 0

  async *pass(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length
      if (this.bytes % PROGRESS_BYTES < chunk.length) this.say()
      yield chunk
    }
  }

  say(): void {
    process.stdout.write(`${JSON.stringify({ bytes: this.bytes } satisfies ApartWord)}\n`)
  }
}

async function readOrder<Order>(): Promise<Order> {
  const line = await new Promise<string>((done) => {
    let text = ''
    process.stdin.on('data', (chunk) => {
      text += String(chunk)
      if (text.endsWith('\n')) done(text)
    })
    // Whoever started this holds the other end open until they are done, or dead.
    process.stdin.once('end', () => process.exit(1))
  })
  return JSON.parse(line) as Order
}
