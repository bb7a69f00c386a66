import type { LogLine } from '../executor.ts'

/** Characters of last lines that are kept for one reader. */
export const MAX_TAIL_CHARACTERS = 4 * 1024 * 1024
/** Lines that were dropped make room once there are so many of them. */
const DROPPED = 1_000

/** The last lines of many: as many as are wanted, and not more than a reader may make us keep. */
export class LastLines {
  private readonly wanted: number
  private lines: LogLine[] = []
  private first = 0
  private characters = 0

  /** `wanted` may be infinite. */
  constructor(wanted: number) {
    this.wanted = wanted
  }

  push(line: LogLine): void {
    this.lines.push(line)
    this.characters += line.text.length
    while (
      this.lines.length - this.first > this.wanted ||
      (this.characters > MAX_TAIL_CHARACTERS && this.lines.length - this.first > 1)
    )
      this.drop()
  }

  /** All that are kept, oldest first. */
  all(): LogLine[] {
    return this.lines.slice(this.first)
  }

  private drop(): void {
    this.characters -= this.lines[this.first]?.text.length ?? 0
    // The text goes at once; its place goes with those of others.
    delete this.lines[this.first++]
    if (this.first < DROPPED) return
    this.lines = this.lines.slice(this.first)
    this.first = 0
  }
}
