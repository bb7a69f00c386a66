/** A line on its way to collectors. */
export interface CollectedLine {
  /** Unix milliseconds. */
  time: number
  /** Of a container `web-0`: its service and which copy it is. What we say ourselves is of no service. */
  service: string
  replica: number
  stream: 'stdout' | 'stderr'
  text: string
}

/** Whose lines they are. */
export interface Source {
  lease: string
  worker: string
}

/** The name of a line's container. */
export function containerOf({ service, replica }: CollectedLine): string {
  return `${service}-${replica}`
}

/**
 * Times in nanoseconds, as decimal strings: those of lines of one millisecond follow each other, so that
 * whoever sorts by time keeps their order.
 */
export function nanosecondsOf(lines: readonly CollectedLine[]): string[] {
  let before = -1
  let count = 0
  return lines.map(({ time }) => {
    count = time === before ? Math.min(count + 1, 999_999) : 0
    before = time
    return String(BigInt(Math.floor(time)) * 1_000_000n + BigInt(count))
  })
}
