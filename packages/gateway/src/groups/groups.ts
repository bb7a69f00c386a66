import type { LeaseRecord } from '@cloister/core'
import type { Resolver } from '../resolve.ts'
import { tokenOf } from './affinity.ts'
import { Balance, type Choice } from './balance.ts'

/** While a group is asked for, its members are asked so often how they are. */
const LOOK_MS = 1_000
const MAX_REMEMBERED = 10_000

/** What groups are made of. */
export interface GroupsParts {
  /** The open leases of a group, by `<tenant>/<name>`, as the chain has them. */
  members: Pick<Resolver<LeaseRecord[]>, 'find' | 'known'>
  /** Connects to the worker of a lease. Rejects where nobody listens. */
  reach(lease: LeaseRecord): Promise<unknown>
  /** Whether a lease takes requests, by the word of its worker. Rejects where that can't be reached. */
  ask(lease: LeaseRecord): Promise<boolean>
  balance?: Balance
}

/** What a request says of where it wants to go. */
export interface Wish extends Pick<Choice, 'tried' | 'address'> {
  /** Of the replica that the client was led to before; see `tokenOf`. */
  token?: string | undefined
}

/**
 * Leases of one tenant that were opened as replicas under one name: all that a gateway knows of a group is
 * what their opening transactions say, which the tenant signed.
 */
export class Groups {
  readonly balance: Balance
  private readonly parts: GroupsParts
  private readonly looks = new Map<string, { at: number; done: Promise<unknown> }>()

  constructor(parts: GroupsParts) {
    this.parts = parts
    this.balance = parts.balance ?? new Balance()
  }

  /**
   * The member of a lease's group that a request goes to; undefined once all were tried. Waits for the first
   * words of the workers, and for no later ones. Throws where the index doesn't answer.
   */
  async choose(lease: LeaseRecord, wish: Wish): Promise<LeaseRecord | undefined> {
    const members = await this.of(lease)
    const look = this.look(keyOf(lease), members)
    if (!members.some((member) => this.balance.isKnown(member.lease))) await look
    return this.chosen(members, wish)
  }

  /**
   * As `choose`, and connected: a member that can't be reached is ejected and added to those that were tried.
   */
  async reached(lease: LeaseRecord, wish: Wish & { tried: Set<string> }): Promise<LeaseRecord | undefined> {
    for (;;) {
      const member = await this.choose(lease, wish)
      if (!member) return undefined
      try {
        await this.parts.reach(member)
        return member
      } catch {
        this.balance.failed(member.lease)
        wish.tried.add(member.lease)
      }
    }
  }

  /** The member that a client was led to before, where it is known to take requests. Waits for nobody. */
  pinned(lease: LeaseRecord, token: string | undefined): LeaseRecord | undefined {
    if (token === undefined) return undefined
    const members = (this.parts.members.known(keyOf(lease)) ?? []).filter(isMember)
    const member = members.find((one) => tokenOf(one.lease) === token)
    if (!member || !this.balance.isUsable(member.lease)) return undefined
    void this.look(keyOf(lease), members)
    return member
  }

  /** Another member than those that were tried, among what is known. */
  another(lease: LeaseRecord, tried: ReadonlySet<string>): LeaseRecord | undefined {
    const members = (this.parts.members.known(keyOf(lease)) ?? []).filter(isMember)
    const found = this.chosen(members, { tried })
    return found && this.balance.isUsable(found.lease) ? found : undefined
  }

  /**
   * Looks after the member that a request waits for: `tell` is called once its worker is found to be silent.
   * What it returns ends that.
   */
  watch(lease: LeaseRecord, member: LeaseRecord, tell: () => void): () => void {
    const look = async () => this.look(keyOf(lease), await this.of(lease))
    const looking = setInterval(() => void look().catch(() => {}), LOOK_MS)
    looking.unref()
    const unwatch = this.balance.watch(member.lease, tell)
    return () => {
      clearInterval(looking)
      unwatch()
    }
  }

  /** All members, in the order of their places. Throws where the index doesn't answer. */
  async of(lease: LeaseRecord): Promise<LeaseRecord[]> {
    const found = (await this.parts.members.find(keyOf(lease))) ?? []
    return found.filter(isMember).sort((one, other) => (one.replica ?? 0) - (other.replica ?? 0))
  }

  private chosen(members: readonly LeaseRecord[], { token, tried, address }: Wish): LeaseRecord | undefined {
    const preferred =
      token === undefined ? undefined : members.find((one) => tokenOf(one.lease) === token)?.lease
    const ids = members.map(({ lease }) => lease)
    const chosen = this.balance.choose(ids, { preferred, ...(tried && { tried }), address })
    return members.find(({ lease }) => lease === chosen)
  }

  /** Asks all members how they are, unless that was done just now. Never rejects. */
  private look(key: string, members: readonly LeaseRecord[]): Promise<unknown> {
    const now = performance.now()
    const last = this.looks.get(key)
    if (last && now - last.at < LOOK_MS) return last.done
    if (this.looks.size >= MAX_REMEMBERED) this.looks.clear()
    const done = Promise.all(members.map((member) => this.askOne(member)))
    this.looks.set(key, { at: now, done })
    return done
  }

  private async askOne(member: LeaseRecord): Promise<void> {
    try {
      this.balance.reported(member.lease, await this.parts.ask(member))
    } catch {
      // Until its worker says otherwise: one that is silent would hold each request up that goes there.
      this.balance.silent(member.lease)
    }
  }
}

/** Whether a name leads to a group that a lease is of, and not to that lease alone. */
export function leadsToGroup(key: string, lease: LeaseRecord): boolean {
  return lease.replica !== undefined && lease.wishedName === key
}

function keyOf({ tenant, wishedName = '' }: LeaseRecord): string {
  return `${tenant}/${wishedName}`
}

function isMember({ replica, state, endpoint }: LeaseRecord): boolean {
  return replica !== undefined && state === 'open' && URL.canParse(endpoint) && /^https?:/.test(endpoint)
}
