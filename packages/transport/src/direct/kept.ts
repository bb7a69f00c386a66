import type { Duplex } from 'node:stream'
import { type Line, type LineUser, lineOf } from './line.ts'

/** Milliseconds a connection is kept without a request on it. */
const IDLE_MS = 10_000
const MAX_KEPT = 256

/** Whoever a connection's events go to while it is used. */
export interface Onward {
  /** `chunk` is there no longer than the call. */
  answered(chunk: Buffer): void
  drained(): void
  filled(): void
  /** Nothing more comes; `isClean` where the other side has said so. */
  over(isClean: boolean): void
}

/** A connection behind us. Whom it tells changes with each request. */
export class KeptConnection implements LineUser {
  readonly duplex: Duplex
  readonly line: Line
  user: Onward | undefined
  wasUsed = false
  since = 0

  constructor(duplex: Duplex) {
    this.duplex = duplex
    this.line = lineOf(duplex, this)
  }

  data(chunk: Buffer): void {
    if (this.user) this.user.answered(chunk)
    // Nobody asked for what comes between requests.
    else this.duplex.destroy()
  }

  drained(): void {
    this.user?.drained()
  }

  filled(): void {
    this.user?.filled()
  }

  over(isClean: boolean): void {
    if (this.user) this.user.over(isClean)
    else this.duplex.destroy()
  }
}

/** Connections that are kept between requests, by target. */
export class KeptConnections {
  private readonly idle = new Map<string, KeptConnection[]>()
  private readonly sweeper = setInterval(() => this.sweep(), IDLE_MS / 2).unref()

  /** One that is free, the latest first. */
  take(target: string): KeptConnection | undefined {
    const all = this.idle.get(target)
    for (let one = all?.pop(); one; one = all?.pop()) if (!one.duplex.destroyed) return one
    return undefined
  }

  keep(target: string, connection: KeptConnection): void {
    connection.user = undefined
    connection.wasUsed = true
    connection.since = performance.now()
    const all = this.idle.get(target)
    if (!all) this.idle.set(target, [connection])
    else if (all.length < MAX_KEPT) all.push(connection)
    else connection.duplex.destroy()
  }

  close(): void {
    clearInterval(this.sweeper)
    for (const all of this.idle.values()) for (const { duplex } of all) duplex.destroy()
    this.idle.clear()
  }

  private sweep(): void {
    const before = performance.now() - IDLE_MS
    for (const [target, all] of this.idle) {
      const kept = all.filter(({ duplex, since }) => {
        if (since < before) duplex.destroy()
        return !duplex.destroyed
      })
      if (kept.length > 0) this.idle.set(target, kept)
      else this.idle.delete(target)
    }
  }
}
