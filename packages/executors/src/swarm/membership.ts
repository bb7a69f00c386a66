import { EventEmitter } from 'node:events'
import { loop, messageOf } from '@cloister/core'
import type { NodeEngine } from './node-engine.ts'
import type { Places, SwarmNode } from './places.ts'

/** A machine that a worker's containers may run on. */
export interface SwarmMember {
  /** Who it is, for people. */
  name: string
  engine: NodeEngine
  /** It is the machine that asks: what others say of themselves changes nothing about it. */
  isHere?: true
  /** Why nothing may run there now; undefined where all is well. */
  refusal(): Promise<string | undefined>
}

/** What happened to a member, for people who run the worker. */
export type Told = (level: 'info' | 'warn', message: string, fields: Record<string, unknown>) => void

const LOOK_MS = 2_000
/** How long a member may not answer before its containers are to run elsewhere. */
const PATIENCE_MS = 20_000
const ANSWER_MS = 10_000

interface Standing {
  member: SwarmMember
  /** Swarm's id of it, since it answered first. */
  node: string | undefined
  canEncrypt: boolean
  /** It answered when it was asked last. */
  isReached: boolean
  reachedAt: number
  refusal: string | undefined
}

/**
 * Which machines of a Swarm may have a worker's containers: those that are members, answer, and are covered.
 * The others are cordoned: they lose their label, and Swarm moves what ran there. A Swarm that is managed by
 * a machine which is no covered member gets nothing to run at all, since managers say what runs where.
 */
export class Membership {
  private readonly places: Places
  private readonly standings: Standing[]
  private readonly told: Told
  private readonly events = new EventEmitter()
  private stranger: string | undefined
  private before: Promise<void> = Promise.resolve()

  constructor(places: Places, members: readonly SwarmMember[], told: Told) {
    this.places = places
    this.told = told
    this.standings = members.map((member) => ({
      member,
      node: undefined,
      canEncrypt: false,
      isReached: false,
      reachedAt: Date.now(),
      refusal: undefined,
    }))
  }

  /** Why no machine may have anything now; undefined where they may. */
  get alarm(): string | undefined {
    return this.stranger === undefined
      ? undefined
      : `The Swarm is managed by ${this.stranger}, too, which is no covered node of this worker's.`
  }

  /** Engines that answer. */
  get reached(): NodeEngine[] {
    return this.standings.filter(({ isReached }) => isReached).map(({ member }) => member.engine)
  }

  /** Machines that are members and don't answer. */
  get missing(): string[] {
    return this.standings.filter(({ isReached }) => !isReached).map(({ member }) => member.name)
  }

  /** Members whose kernels can't encrypt what goes between machines. */
  get unableToEncrypt(): string[] {
    const found = this.standings.filter(({ isReached, canEncrypt }) => isReached && !canEncrypt)
    return found.map(({ member }) => member.name)
  }

  /** The engine of a machine that may have containers, by Swarm's id of it; undefined for any other. */
  engineOf(node: string): NodeEngine | undefined {
    if (this.alarm !== undefined) return undefined
    const found = this.memberAt(node)
    return found?.isReached && this.objectionTo(found) === undefined ? found.member.engine : undefined
  }

  /** The engine of a machine that answers, whether it may have containers or not. */
  reachedAt(node: string): NodeEngine | undefined {
    const found = this.memberAt(node)
    return found?.isReached ? found.member.engine : undefined
  }

  /** Calls back whenever a member answers again that didn't. */
  onReached(done: (engine: NodeEngine) => void): void {
    this.events.on('reached', done)
  }

  /** Looks after the members until `signal`. */
  keep(signal: AbortSignal): Promise<void> {
    return loop(signal, async () => {
      await this.look().catch((error) =>
        this.told('warn', 'the Swarm could not be looked at', { error: messageOf(error) }),
      )
      return LOOK_MS
    })
  }

  /** Asks all members, and tells Swarm which may have containers. Throws where Swarm doesn't answer. */
  look(): Promise<void> {
    this.before = this.before.catch(() => {}).then(() => this.lookNow())
    return this.before
  }

  private async lookNow(): Promise<void> {
    await Promise.all(this.standings.map((standing) => this.ask(standing)))
    const nodes = await this.places.nodes()
    const isFit = ({ id }: SwarmNode) => {
      const standing = this.memberAt(id)
      return standing !== undefined && this.objectionTo(standing) === undefined && this.isWaitedFor(standing)
    }
    const stranger = nodes.find((node) => node.isManager && !isFit(node))
    if (stranger && this.stranger === undefined)
      this.told('warn', 'the Swarm has a manager that is no covered node; nothing runs until it has not', {
        manager: stranger.hostname,
      })
    this.stranger = stranger?.hostname
    for (const node of nodes) {
      const wanted = stranger === undefined && isFit(node)
      if (wanted === node.isLabelled) continue
      await this.places.label(node.id, wanted)
      const standing = this.memberAt(node.id)
      const name = standing?.member.name ?? node.hostname
      const why = (standing && this.objectionTo(standing)) ?? this.alarm ?? 'it does not answer'
      if (wanted) this.told('info', 'a node may have containers', { node: name })
      else this.told('warn', 'a node may have no containers any more', { node: name, why })
    }
  }

  /** The member that a machine of the Swarm is: this one, or one that is covered before one that isn't. */
  private memberAt(node: string): Standing | undefined {
    const found = this.standings.filter((one) => one.node === node)
    return (
      found.find(({ member }) => member.isHere) ??
      found.find(({ refusal }) => refusal === undefined) ??
      found[0]
    )
  }

  /**
   * Why nothing may run on a member, whether it answers or not. A machine says itself which of the Swarm's it
   * is; where two say the same, one would be given what is for the other.
   */
  private objectionTo(one: Standing): string | undefined {
    const isDouble = this.standings.some(
      (other) =>
        other !== one &&
        other.node === one.node &&
        other.node !== undefined &&
        other.refusal === undefined &&
        one.member.isHere !== true,
    )
    return one.refusal ?? (isDouble ? 'two members say that they are this machine' : undefined)
  }

  private isWaitedFor({ isReached, reachedAt }: Standing): boolean {
    return isReached || Date.now() - reachedAt < PATIENCE_MS
  }

  private async ask(standing: Standing): Promise<void> {
    const { member } = standing
    const was = standing.isReached
    try {
      // First, and whether it answers or not: one that is covered no longer is waited for no longer.
      standing.refusal = await inTime(member.refusal())
      // One that answers is still told what to end there.
      const facts = await inTime(member.engine.facts())
      standing.node = facts.node
      standing.canEncrypt = facts.canEncrypt
      if (facts.node === undefined) standing.refusal ??= 'its engine has not joined the Swarm'
      standing.isReached = true
      standing.reachedAt = Date.now()
      if (!was) this.events.emit('reached', member.engine)
    } catch (error) {
      standing.isReached = false
      if (was && standing.refusal === undefined)
        this.told('warn', 'a node does not answer', { node: member.name, error: messageOf(error) })
    }
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not answer in time')), ANSWER_MS)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
