/** A map that keeps so many entries: those that were set or found longest ago go first. */
export class Remembered<V> {
  private readonly most: number
  private readonly entries = new Map<string, V>()

  constructor(most: number) {
    this.most = most
  }

  get size(): number {
    return this.entries.size
  }

  get(key: string): V | undefined {
    const value = this.entries.get(key)
    if (value !== undefined) {
      // A map keeps the order in which keys came.
      this.entries.delete(key)
      this.entries.set(key, value)
    }
    return value
  }

  set(key: string, value: V): void {
    this.entries.delete(key)
    if (this.entries.size >= this.most) this.entries.delete(this.entries.keys().next().value as string)
    this.entries.set(key, value)
  }
}
