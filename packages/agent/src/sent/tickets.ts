import { randomBytes } from 'node:crypto'
import type { Address, Hex } from 'viem'

/** How long a ticket holds. */
const TICKET_MS = 3_600_000

/** What a tenant may send just now. */
export interface Ticket {
  tenant: Address
  lease: Hex
  /** Bytes by digest. */
  blobs: ReadonlyMap<string, number>
  /** Parts that are coming at this moment. */
  coming: number
}

interface Known extends Ticket {
  /** Unix milliseconds. */
  until: number
  /** What is still to come of each blob, in bytes that it counts for, and their sum. */
  left: Map<string, number>
  sum: number
}

/** Tickets that are out: one a lease. */
export class Tickets {
  private readonly known = new Map<Hex, Known>()

  /** Gives one to a lease, whose last one holds no more. */
  give(ticket: Omit<Ticket, 'coming'>): Hex {
    this.end(ticket.lease)
    const name: Hex = `0x${randomBytes(32).toString('hex')}`
    this.known.set(name, { ...ticket, coming: 0, until: Date.now() + TICKET_MS, left: new Map(), sum: 0 })
    return name
  }

  /** A lease's ticket, if it holds. */
  find(name: string, lease: Hex): Ticket | undefined {
    const found = this.known.get(name as Hex)
    return found?.lease === lease && found.until >= Date.now() ? found : undefined
  }

  /** Says how much of a blob is still to come. */
  promise(name: string, digest: string, bytes: number): void {
    const ticket = this.known.get(name as Hex)
    if (!ticket) return
    ticket.sum += bytes - (ticket.left.get(digest) ?? 0)
    ticket.left.set(digest, bytes)
  }

  /** Bytes that are still to come of all. */
  promised(): number {
    return [...this.known.values()].reduce((sum, ticket) => sum + ticket.sum, 0)
  }

  /** Whether a blob of a tenant's is on a ticket. */
  names(tenant: Address, digest: string): boolean {
    return [...this.known.values()].some((ticket) => ticket.tenant === tenant && ticket.blobs.has(digest))
  }

  /** A lease's ticket holds no more. */
  end(lease: Hex): void {
    for (const [name, ticket] of this.known) if (ticket.lease === lease) this.known.delete(name)
  }

  /** Those whose time is over go. `now` in Unix milliseconds. */
  clear(now = Date.now()): void {
    for (const [name, { until }] of this.known) if (until < now) this.known.delete(name)
  }
}
