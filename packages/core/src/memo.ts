/** A value that is found when it is first asked for and kept from then on; a failure is not kept. */
export class Memo<T> {
  private readonly find: () => Promise<T>
  private kept: Promise<T> | undefined

  constructor(find: () => Promise<T>) {
    this.find = find
  }

  /** The value. Those who ask while it is being found share one search. Throws what `find` throws. */
  get(): Promise<T> {
    if (!this.kept) {
      const found = this.find()
      this.kept = found
      found.catch(() => {
        // Another value may have been set meanwhile.
        if (this.kept === found) this.kept = undefined
      })
    }
    return this.kept
  }

  /** Keeps a value that was found in another way. */
  set(value: T): void {
    this.kept = Promise.resolve(value)
  }

  /** Finds the value anew when it is next asked for. */
  forget(): void {
    this.kept = undefined
  }
}
