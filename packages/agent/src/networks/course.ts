import { GrowingPause } from '@cloister/core'
import type { TunnelState, WireGuard } from '@cloister/executors'
import type { RelayLine } from './relay/line.ts'

/** How packets go to a tunnel's other end. */
export type Way = 'direct' | 'relayed' | 'none'

/** Where a tunnel's other end is. */
export interface Destination {
  /** Over UDP, `address:port`, where that is known. */
  direct: string | undefined
  /** Has its worker relay the tunnel. */
  dial(): Promise<RelayLine>
  /** Of the two ends, one dials first. */
  dialsFirst: boolean
}

/** Milliseconds. */
export interface CourseTimings {
  /** Without an answer before there ever was one. */
  first: number
  /** Without an answer to what was sent. */
  silence: number
  /** Without a sign of life. */
  life: number
  /** That the end which dials first has for it. */
  headStart: number
  /** That a trial of the direct way takes. */
  trial: number
  /** From the beginning of a relay to the first trial; each pause is twice the one before. */
  trialPause: number
  longestTrialPause: number
}

/**
 * WireGuard answers a handshake at once, data within 10 seconds, and takes a way for dead after 15 without
 * an answer (whitepaper, section 6.5). Signs of life are sent every 25.
 */
const TIMINGS: CourseTimings = {
  first: 8_000,
  silence: 16_000,
  life: 70_000,
  headStart: 6_000,
  trial: 3_000,
  trialPause: 15_000,
  longestTrialPause: 1_800_000,
}
/** For which a handshake holds (WireGuard whitepaper, section 6.1, Reject-After-Time). */
const SESSION_MS = 180_000
/** More than a sign of life (32 bytes) and the first message of a handshake (148) together. */
const SPOKEN_BYTES = 200
const REDIAL = { firstMs: 2_000, longestMs: 60_000 }

/**
 * Which way one tunnel takes: over UDP, or, where that doesn't pass, over a relay, until UDP passes again.
 * WireGuard sends to where the last packet came from, so that one end that changes takes the other along.
 */
export class Course {
  private readonly wireGuard: WireGuard
  private readonly key: string
  private readonly timings: CourseTimings
  private readonly redials = new GrowingPause(REDIAL)
  private readonly trialPauses: GrowingPause
  private direct: string | undefined
  private line: RelayLine | undefined
  /** When something last came, and the counts of bytes then. */
  private heard: { at: number; received: number; sent: number } | undefined
  private trial: { until: number; received: number } | undefined
  private trialAt = 0
  private redialAt = 0
  private isDialling = false
  private isOver = false

  constructor(wireGuard: WireGuard, key: string, timings: Partial<CourseTimings> = {}) {
    this.wireGuard = wireGuard
    this.key = key
    this.timings = { ...TIMINGS, ...timings }
    const { trialPause, longestTrialPause } = this.timings
    this.trialPauses = new GrowingPause({ firstMs: trialPause, longestMs: longestTrialPause })
  }

  get hasLine(): boolean {
    return this.line !== undefined
  }

  /** Brings the tunnel's way in line with how it is doing at `now`, Unix milliseconds. */
  async look(state: TunnelState, to: Destination, now: number): Promise<void> {
    if (to.direct !== undefined && to.direct !== this.direct) await this.know(to.direct, state, now)
    this.hear(state, now)
    if (this.trial) return this.judge(state, now)
    const isSilent = this.isSilent(state, now, 0)
    if (this.line && this.wayOf(state, now) === 'relayed') {
      if (isSilent) this.line.close()
      else if (this.line.isOurs && this.direct !== undefined && now >= this.trialAt) {
        this.line.say('try-direct')
        this.trial = { until: now + this.timings.trial, received: state.receivedBytes }
      }
      return
    }
    const patience = to.dialsFirst ? 0 : this.timings.headStart
    if (!isSilent || this.isDialling || now < this.redialAt || !this.isSilent(state, now, patience)) return
    this.isDialling = true
    this.redialAt = now + this.redials.take()
    // Not waited for: other tunnels are looked at meanwhile.
    void to
      .dial()
      .then((line) => this.take(line))
      .catch(() => {})
      .finally(() => {
        this.isDialling = false
      })
  }

  /** Leads the tunnel over a line, in place of one that it may have. */
  async take(line: RelayLine): Promise<void> {
    if (this.isOver) return line.close()
    const before = this.line
    this.line = line
    this.trial = undefined
    before?.close()
    line.onWord = (word) => void this.tryDirect(word).catch(() => {})
    line.onClose = () => void this.lose(line).catch(() => {})
    if (!line.isOpen) return this.lose(line)
    const now = Date.now()
    this.trialAt = now + this.trialPauses.take()
    if (this.heard) this.heard.at = now
    await this.wireGuard.setEndpoint(this.key, line.endpoint)
  }

  wayOf({ handshakeAt, endpoint }: TunnelState, now: number): Way {
    if (now - handshakeAt * 1000 >= SESSION_MS) return 'none'
    return this.line && endpoint === this.line.endpoint ? 'relayed' : 'direct'
  }

  /** The tunnel leads nowhere any more. */
  close(): void {
    this.isOver = true
    this.line?.close()
  }

  /** The direct way is another one, or the first. */
  private async know(direct: string, state: TunnelState, now: number): Promise<void> {
    const { endpoint, handshakeAt } = state
    const isFirst = this.direct === undefined
    this.direct = direct
    if (this.line) {
      this.trialAt = now
      return
    }
    await this.wireGuard.setEndpoint(this.key, direct)
    // A worker before us left it with a relay, which ended with it: UDP doesn't pass.
    if (isFirst && handshakeAt > 0 && endpoint?.startsWith('127.0.0.1:') && endpoint !== direct)
      this.giveUpDirect(state, now)
  }

  /** Nothing is waited for until another relay is asked for. */
  private giveUpDirect({ receivedBytes, sentBytes }: TunnelState, now: number): void {
    this.heard = { at: now - this.timings.life, received: receivedBytes, sent: sentBytes }
  }

  private hear({ receivedBytes, sentBytes }: TunnelState, now: number): void {
    if (this.heard?.received === receivedBytes) return
    this.heard = { at: now, received: receivedBytes, sent: sentBytes }
    if (receivedBytes > 0) this.redials.reset()
  }

  private isSilent({ sentBytes, handshakeAt }: TunnelState, now: number, more: number): boolean {
    if (!this.heard) return false
    const { first, silence, life } = this.timings
    const quietMs = now - this.heard.at - more
    if (quietMs >= life) return true
    if (handshakeAt === 0) return quietMs >= first
    return quietMs >= silence && sentBytes - this.heard.sent >= SPOKEN_BYTES
  }

  /** Both ends send by the direct way for a while. One asks the other, which answers as it begins. */
  private async tryDirect(word: 'try-direct' | 'trying-direct'): Promise<void> {
    const { line, direct } = this
    if (!line || direct === undefined || (word === 'trying-direct' && !this.trial)) return
    if (word === 'try-direct') line.say('trying-direct')
    await this.wireGuard.setEndpoint(this.key, direct)
    // What comes by the relay from now on leads the tunnel back to it.
    const state = (await this.wireGuard.state()).find(({ key }) => key === this.key)
    if (state && this.line === line)
      this.trial = { until: Date.now() + this.timings.trial, received: state.receivedBytes }
  }

  private async judge({ endpoint, receivedBytes }: TunnelState, now: number): Promise<void> {
    const { line, trial } = this
    if (!trial || now < trial.until) return
    this.trial = undefined
    this.trialAt = now + this.trialPauses.take()
    if (!line) return
    if (endpoint !== line.endpoint && receivedBytes > trial.received) this.trialPauses.reset()
    else await this.wireGuard.setEndpoint(this.key, line.endpoint)
  }

  /** A line ended: the direct way is open, and another line is asked for. */
  private async lose(line: RelayLine): Promise<void> {
    if (this.line !== line) return
    this.line = undefined
    this.trial = undefined
    if (this.isOver || this.direct === undefined) return
    const state = (await this.wireGuard.state()).find(({ key }) => key === this.key)
    if (state?.endpoint !== line.endpoint) return
    this.giveUpDirect(state, Date.now())
    await this.wireGuard.setEndpoint(this.key, this.direct)
  }
}
