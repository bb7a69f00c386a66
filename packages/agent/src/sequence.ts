/**
 * Does one thing after another: transactions from one account, whose nonces never clash then, or whatever
 * looks before it takes.
 */
export class Sequence {
  private last: Promise<unknown> = Promise.resolve()

  run<T>(action: () => Promise<T>): Promise<T> {
    const next = this.last.then(action, action)
    this.last = next.catch(() => {})
    return next
  }

  /** Resolves when all that was asked for is done. */
  async idle(): Promise<void> {
    await this.last
  }
}
