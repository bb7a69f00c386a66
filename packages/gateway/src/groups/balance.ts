import { createHash } from 'node:crypto'

/** Milliseconds for which a member that couldn't be reached gets nothing: at first, and at the most. */
const FIRST_EJECTION_MS = 1_000
const LONGEST_EJECTION_MS = 30_000
/** A failed request weighs as one under way, and half as much after so many milliseconds. */
const HALF_LIFE_MS = 5_000
/** At the most; a client that makes one member fail moves no more than that to the others. */
const MOST_FAILED = 100
/** What nobody asked about for so long is forgotten. */
const FORGOTTEN_MS = 600_000

/** What is known of a member of a group. */
interface Standing {
  /** Its worker's own word; undefined before the first. */
  isReady: boolean | undefined
  /** Milliseconds on the clock of `now`. */
  ejectedUntil: number
  /** Times in a row that it couldn't be reached. */
  failures: number
  /** Requests that it is answering. */
  underWay: number
  /** What failed requests weighed at `failedAt`. */
  failed: number
  failedAt: number
  seenAt: number
}

/** How a member is chosen. */
export interface Choice {
  /** Preferred as long as it can be used: where the client went before. */
  preferred?: string | undefined
  /** Ids of those that came to nothing for this request. */
  tried?: ReadonlySet<string>
  /** Clients of one address go to one member, as long as the members that can be used stay the same. */
  address?: string | undefined
}

/**
 * Chooses among the members of groups: those whose workers say that they are ready and that could be reached,
 * the one with the fewest requests under way, in turn where several have as few. Requests that failed count
 * as under way for a while, since one that fails at once has the fewest. One that can't be reached is
 * ejected, each time for longer, until its worker says that it is ready, or the time is over.
 */
export class Balance {
  private readonly standings = new Map<string, Standing>()
  private readonly now: () => number
  private turn = 0
  /** Told once a member's worker is found to be silent. */
  private readonly watchers = new Map<string, Set<() => void>>()

  /** `now`: a clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now
  }

  /** One of the members; where none can be used, one that may be, so that the client hears from it. */
  choose(members: readonly string[], { preferred, tried, address }: Choice = {}): string | undefined {
    const left = tried ? members.filter((member) => !tried.has(member)) : members
    const usable = left.filter((member) => this.isUsable(member))
    if (preferred !== undefined && usable.includes(preferred)) return preferred
    const among = usable.length > 0 ? usable : this.notEjected(left)
    if (address !== undefined) return byAddress(among, address)
    this.turn++
    let least: string | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (let at = 0; at < among.length; at++) {
      const member = among[(at + this.turn) % among.length] as string
      const standing = this.standing(member)
      const weight = standing.underWay + Math.round(this.failedWeight(standing))
      if (weight < fewest) [least, fewest] = [member, weight]
    }
    return least
  }

  /** Whether a member gets requests: its worker says that it is ready, and it could be reached. */
  isUsable(member: string): boolean {
    const standing = this.standings.get(member)
    return standing?.isReady === true && standing.ejectedUntil <= this.now()
  }

  /** Whether its worker has said anything of it. */
  isKnown(member: string): boolean {
    const { isReady, failures } = this.standings.get(member) ?? {}
    return isReady !== undefined || (failures ?? 0) > 0
  }

  /** A request goes to a member. What it returns is called when that has ended. */
  begin(member: string): () => void {
    const standing = this.standing(member)
    standing.underWay++
    let isOver = false
    return () => {
      if (!isOver) standing.underWay--
      isOver = true
    }
  }

  /** It didn't answer a request, or by a failure of its own. */
  requestFailed(member: string): void {
    const standing = this.standing(member)
    standing.failed = Math.min(MOST_FAILED, this.failedWeight(standing) + 1)
    standing.failedAt = this.now()
  }

  /** Its worker's word. */
  reported(member: string, isReady: boolean): void {
    const standing = this.standing(member)
    // What failed before it wasn't ready says nothing of what it is now.
    if (isReady && standing.isReady === false) standing.failed = 0
    standing.isReady = isReady
    standing.failures = 0
    standing.ejectedUntil = 0
  }

  /** Its worker says nothing: it gets no requests, and whoever waits for it is told. */
  silent(member: string): void {
    this.standing(member).isReady = false
    this.failed(member)
    for (const tell of [...(this.watchers.get(member) ?? [])]) tell()
  }

  /** Calls `tell` whenever a member's worker is found to be silent, until what it returns is called. */
  watch(member: string, tell: () => void): () => void {
    const watchers = this.watchers.get(member) ?? new Set()
    this.watchers.set(member, watchers.add(tell))
    return () => {
      watchers.delete(tell)
      if (watchers.size === 0 && this.watchers.get(member) === watchers) this.watchers.delete(member)
    }
  }

  /** It couldn't be reached. */
  failed(member: string): void {
    const standing = this.standing(member)
    const forMs = Math.min(LONGEST_EJECTION_MS, FIRST_EJECTION_MS * 2 ** standing.failures)
    standing.failures++
    standing.ejectedUntil = Math.max(standing.ejectedUntil, this.now() + forMs)
  }

  private failedWeight({ failed, failedAt }: Standing): number {
    return failed === 0 ? 0 : failed * 2 ** ((failedAt - this.now()) / HALF_LIFE_MS)
  }

  private notEjected(members: readonly string[]): readonly string[] {
    const now = this.now()
    const found = members.filter((member) => (this.standings.get(member)?.ejectedUntil ?? 0) <= now)
    return found.length > 0 ? found : members
  }

  private standing(member: string): Standing {
    const now = this.now()
    let standing = this.standings.get(member)
    if (!standing) {
      for (const [other, { seenAt, underWay }] of this.standings)
        if (underWay === 0 && now - seenAt > FORGOTTEN_MS) this.standings.delete(other)
      standing = {
        isReady: undefined,
        ejectedUntil: 0,
        failures: 0,
        underWay: 0,
        failed: 0,
        failedAt: now,
        seenAt: now,
      }
      this.standings.set(member, standing)
    }
    standing.seenAt = now
    return standing
  }
}

/**
 * Rendezvous hashing: the member whose hash with the address is the largest, so that a member that goes takes
 * only its own clients along.
 */
function byAddress(members: readonly string[], address: string): string | undefined {
  const weigh = (member: string) => createHash('sha256').update(`${address} ${member}`).digest('hex')
  return members
    .map((member) => ({ member, weight: weigh(member) }))
    .reduce<{ member: string; weight: string } | undefined>(
      (most, one) => (most && most.weight >= one.weight ? most : one),
      undefined,
    )?.member
}
