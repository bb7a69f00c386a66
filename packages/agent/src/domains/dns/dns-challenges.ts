import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, type DnsAccess, messageOf } from '@cloister/core'
import type { DialRules, NameServers } from '@cloister/transport'
import type { Hex } from 'viem'
import type { Log } from '../../log.ts'
import type { Store } from '../../store.ts'
import { NameServer } from './name-server.ts'

/** The label below a domain at which authorities look (RFC 8555, section 8.4). */
const CHALLENGE_LABEL = '_acme-challenge'
const MOST_ALIASES = 8
/** Servers of one zone, and addresses of one of them, that are asked. */
const MOST_SERVERS = 8
/** Milliseconds for all servers of a zone to have a record, and between two looks. */
const PATIENCE_MS = 120_000
const LOOK_MS = { first: 250, longest: 5_000 }
/** Records that are noted of one domain, of tries that were broken off. */
const MOST_LEFT = 16

/** What shows authorities that domains are their tenants' is made of. */
export interface DnsChallengesParts {
  store: Store
  /** Whom names are looked up with. */
  names: Pick<NameServers, 'aliasOf' | 'addresses'>
  /** Where tenants' name servers may be. */
  rules: DialRules
  log: Log
  /** The port of all servers of a zone; 53. */
  port?: number
}

/** Where a domain's challenge is written. */
export interface ChallengePlace {
  server: NameServer
  zone: string
  name: string
  access: DnsAccess
}

/**
 * Answers challenges in DNS (RFC 8555, section 8.4): with the access that a lease's tenant has given, it adds
 * a TXT record by a signed update (RFC 2136), waits until every server of the zone has it, and takes it away
 * afterwards. Each record is noted in the store before it is made, so that none is left behind.
 */
export class DnsChallenges {
  private readonly parts: DnsChallengesParts

  constructor(parts: DnsChallengesParts) {
    this.parts = parts
  }

  /**
   * Where the challenge of a domain is written: where `_acme-challenge` below it leads by CNAMEs, so that a
   * tenant can give away a name of no other use. Undefined where it has given no access. Throws `refused`
   * where its server doesn't hold the zone, and `unreachable`.
   */
  async placeOf(lease: Hex, domain: string, signal: AbortSignal): Promise<ChallengePlace | undefined> {
    const access = this.parts.store.lease(lease)?.dns
    if (!access) return undefined
    const name = await this.follow(`${CHALLENGE_LABEL}.${domain.replace(/^\*\./, '')}`)
    const server = new NameServer(access.server, this.parts.rules)
    const zone = await server.zoneOf(name, signal)
    if (zone === undefined)
      throw new CloisterError(
        'refused',
        `The name server ${server.name} does not hold the zone that ${name} is in.`,
      )
    return { server, zone, name, access }
  }

  /**
   * Makes the answer to a challenge available, and waits until it is; what it returns takes it away. Throws
   * `refused`, `unreachable` and `bad-answer`.
   */
  async publish(
    { lease, domain }: { lease: Hex; domain: string },
    place: ChallengePlace,
    authorization: string,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const text = createHash('sha256').update(authorization).digest('base64url')
    const { name, zone } = place
    const remove = () => this.remove({ lease, domain }, place, text)
    await this.clear({ lease, domain }, place)
    this.parts.store.domains.patch(lease, domain, (stored) => {
      stored.published = [...(stored.published ?? []), { name, zone, text }].slice(-MOST_LEFT)
    })
    try {
      await place.server.change('add', { zone, name, text }, place.access.key, signal)
      await this.untilSeen(place, text, signal)
    } catch (error) {
      await remove()
      throw error
    }
    return remove
  }

  /** Takes away what tries that were broken off have left at a place. */
  private async clear(whose: { lease: Hex; domain: string }, place: ChallengePlace): Promise<void> {
    const left = this.parts.store.domains.find(whose.lease, whose.domain)?.published ?? []
    for (const { name, zone, text } of left)
      if (name === place.name && zone === place.zone) await this.remove(whose, place, text)
  }

  /** What can't be taken away now stays noted, for the next try. */
  private async remove(
    { lease, domain }: { lease: Hex; domain: string },
    { server, zone, name, access }: ChallengePlace,
    text: string,
  ): Promise<void> {
    const { store, log } = this.parts
    try {
      // Also when the worker stops: it takes a moment, and nobody else does it.
      await server.change('remove', { zone, name, text }, access.key, new AbortController().signal)
    } catch (error) {
      log('warn', 'a challenge could not be taken out of DNS', { lease, name, error: messageOf(error) })
      return
    }
    if (!store.domains.find(lease, domain)) return
    store.domains.patch(lease, domain, (stored) => {
      const others = stored.published?.filter((other) => other.text !== text || other.name !== name)
      if (others && others.length > 0) stored.published = others
      else delete stored.published
    })
  }

  /** Where a name leads by CNAMEs. */
  private async follow(name: string): Promise<string> {
    let at = name
    for (let aliases = 0; aliases <= MOST_ALIASES; aliases++) {
      const next = await this.parts.names.aliasOf(at)
      if (next === undefined) return at
      at = next
    }
    throw new CloisterError('refused', `${name} leads from one name to the next without an end.`)
  }

  /** Waits until every server of the zone that answers has a record: authorities may ask any of them. */
  private async untilSeen({ server, zone, name }: ChallengePlace, text: string, signal: AbortSignal) {
    const end = Date.now() + PATIENCE_MS
    let waiting = [server, ...(await this.othersOf(server, zone, signal))]
    for (let pause = LOOK_MS.first; ; pause = Math.min(pause * 2, LOOK_MS.longest)) {
      const lacking = await Promise.all(
        waiting.map(async (asked) => {
          // Who doesn't answer can't be waited for; the one that took the update has to.
          const texts = await asked.texts(name, signal).catch((error) => {
            if (asked === server) throw error
            return [text]
          })
          return texts.includes(text) ? [] : [asked]
        }),
      )
      waiting = lacking.flat()
      if (waiting.length === 0) return
      if (Date.now() + pause > end)
        throw new CloisterError(
          'unreachable',
          `${waiting.map((late) => late.name).join(', ')} did not have the TXT record at ${name} after two minutes.`,
        )
      await delay(pause, undefined, { signal })
    }
  }

  /** The servers of a zone as the outside knows them, beside the one that takes updates. */
  private async othersOf(server: NameServer, zone: string, signal: AbortSignal): Promise<NameServer[]> {
    const { names, rules, port = 53 } = this.parts
    const known = await server.serversOf(zone, signal).catch(() => [])
    const found = await Promise.all(
      known.slice(0, MOST_SERVERS).map((name) => names.addresses(name).catch(() => [])),
    )
    const places = found.flatMap((addresses) =>
      addresses
        .slice(0, 2)
        .map(({ address, family }) => `${family === 6 ? `[${address}]` : address}:${port}`),
    )
    return [...new Set(places)].map((place) => new NameServer(place, rules))
  }
}
