/** Does things that send transactions from one account one after another, so that nonces never clash. */
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
