import type { TunnelPeer, TunnelState, WireGuard } from '@cloister/executors'
import { Course, type CourseTimings, type Destination, type Way } from './course.ts'
import type { RelayLine } from './relay/line.ts'

/** A tunnel's other end, and how it is reached. */
export type Reached = TunnelPeer & Destination

/** The ways of the tunnels of one place, by the key of the other end. */
export class Ways {
  private readonly wireGuard: WireGuard
  private readonly timings: Partial<CourseTimings>
  private readonly courses = new Map<string, Course>()
  private before = ''

  constructor(wireGuard: WireGuard, timings: Partial<CourseTimings> = {}) {
    this.wireGuard = wireGuard
    this.timings = timings
  }

  /** Lines that relay tunnels of the place. */
  get lines(): number {
    return [...this.courses.values()].filter(({ hasLine }) => hasLine).length
  }

  /** Has tunnels lead to `peers`, each by the way that works. */
  async lead(peers: readonly Reached[]): Promise<void> {
    const wanted = peers.map(({ key, addresses }): TunnelPeer => ({ key, addresses }))
    const text = JSON.stringify(wanted)
    if (text !== this.before) await this.wireGuard.setPeers(wanted)
    this.before = text
    for (const [key, course] of this.courses)
      if (!peers.some((peer) => peer.key === key)) {
        course.close()
        this.courses.delete(key)
      }
    const states = await this.wireGuard.state()
    for (const peer of peers) {
      const state = states.find(({ key }) => key === peer.key)
      if (state) await this.courseTo(peer.key).look(state, peer, Date.now())
    }
  }

  /** Leads the tunnel to a key over a line that its worker has opened. */
  async take(key: string, line: RelayLine): Promise<void> {
    await this.courseTo(key).take(line)
  }

  wayOf(state: TunnelState, now: number): Way {
    return this.courses.get(state.key)?.wayOf(state, now) ?? 'none'
  }

  close(): void {
    for (const course of this.courses.values()) course.close()
    this.courses.clear()
  }

  private courseTo(key: string): Course {
    const course = this.courses.get(key) ?? new Course(this.wireGuard, key, this.timings)
    this.courses.set(key, course)
    return course
  }
}
