import { newTlsKey, requestTlsCertificate } from '@cloister/attest/node/tls'
import {
  certificateAlarmAt,
  claimNameOf,
  domainsOf,
  isClaimedFor,
  type ManifestDomain,
  messageOf,
  readDomainClaims,
} from '@cloister/core'
import type { Hex } from 'viem'
import type { Log } from '../log.ts'
import type { Store, StoredLease } from '../store.ts'
import { AcmeProblem } from './acme/problem.ts'
import type { Authority } from './authority.ts'
import { checkCertificate, factsOf, renewalIdOf } from './certificate.ts'
import type { StoredDomain } from './domain-store.ts'
import {
  CLAIM_AGAIN_MS,
  claimPauseAfter,
  GATEWAYS_FORGET_MS,
  jittered,
  pauseAfter,
  RENEWAL_ASK_MS,
  renewalAt,
} from './timetable.ts'

/** Domains that are worked on at one time: of a lease, whose name servers may be slow, and of all. */
const AT_ONCE = { lease: 2, worker: 16 }

/** What a keeper of domains is made of. */
export interface DomainKeeperParts {
  store: Store
  /** The TXT records of a name. */
  texts(name: string): Promise<string[]>
  /** Who certifies; undefined where nobody does. */
  authority: Authority | undefined
  /** Tells a lease's tenant. */
  event(lease: Hex, kind: string, message: string): void
  log: Log
  /** Milliseconds since 1970; the clock's if not given. */
  now?: () => number
}

/**
 * Keeps the domains of this worker's leases: looks up whose they are, and has certificates for those that are
 * their tenants'. Every step is written down before it is acted on, so that one that dies in between goes on
 * where it was.
 */
export class DomainKeeper {
  private readonly parts: DomainKeeperParts
  private readonly now: () => number
  private readonly working = new Map<string, Promise<void>>()
  /** Looks at DNS one after the other that found nothing for us. */
  private readonly looks = new Map<string, number>()

  constructor(parts: DomainKeeperParts) {
    this.parts = parts
    this.now = parts.now ?? Date.now
  }

  /** The domains of a lease: of the manifest that runs, and of the one that is next. */
  domainsOf(lease: StoredLease): ManifestDomain[] {
    const all = [lease.next?.manifest, lease.running?.manifest].flatMap((manifest) =>
      manifest ? domainsOf(manifest) : [],
    )
    return all.filter(({ domain }, index) => all.findIndex((other) => other.domain === domain) === index)
  }

  /** Does what is due, for domains of all open leases. Resolves once it is begun, or done with `wait`. */
  async look(signal: AbortSignal, wait = false): Promise<void> {
    const { store } = this.parts
    for (const { id } of store.openLeases()) {
      const lease = store.lease(id)
      for (const domain of lease ? this.domainsOf(lease) : []) {
        const key = `${id}/${domain.domain}`
        if (this.working.has(key) || !this.hasRoom(id)) continue
        const stored = store.domains.find(id, domain.domain)
        if (stored && !this.isDue(stored)) continue
        const work = this.keep(id, domain, signal).finally(() => this.working.delete(key))
        this.working.set(key, work)
      }
    }
    if (wait) await Promise.all(this.working.values())
  }

  /** Waits until nothing is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.working.values())
  }

  private hasRoom(lease: Hex): boolean {
    const all = [...this.working.keys()]
    return (
      all.length < AT_ONCE.worker && all.filter((key) => key.startsWith(`${lease}/`)).length < AT_ONCE.lease
    )
  }

  private isDue({ nextTry = 0 }: StoredDomain): boolean {
    return nextTry <= this.now()
  }

  private async keep(lease: Hex, wanted: ManifestDomain, signal: AbortSignal): Promise<void> {
    const { domain, protocol } = wanted
    const { store, log, authority } = this.parts
    try {
      if (!(await this.isClaimed(lease, domain))) return
      if (protocol === 'tcp' || !authority) return this.later(lease, domain, CLAIM_AGAIN_MS)
      const { certificate } = store.domains.find(lease, domain) ?? {}
      if (certificate) this.warn(lease, domain, certificate)
      if (certificate && (await this.isGood(lease, domain, authority, signal))) return
      await this.certify(lease, domain, authority, signal)
    } catch (error) {
      if (signal.aborted) return
      const { failures, nextTry = 0 } = this.failed(lease, domain, error)
      log('warn', 'a certificate could not be got', { lease, domain, failures, error: messageOf(error) })
      const next = new Date(nextTry).toISOString().slice(0, 16).replace('T', ' ')
      this.parts.event(
        lease,
        'certificate-failed',
        `${domain} has no new certificate: ${messageOf(error)} The next try is at ${next} UTC.`,
      )
    }
  }

  /** Looks up whose a domain is. One that was ours stays so while nobody answers. */
  private async isClaimed(lease: Hex, domain: string): Promise<boolean> {
    const { store, texts } = this.parts
    const tenant = store.lease(lease)?.tenant
    if (!tenant) return false
    const before = store.domains.find(lease, domain)
    const isFresh = before?.claim === 'found' && this.now() - (before.claimedAt ?? 0) < CLAIM_AGAIN_MS
    if (isFresh) return true
    let claim: StoredDomain['claim']
    try {
      const claims = readDomainClaims(await texts(claimNameOf(domain)))
      claim = isClaimedFor(claims, { lease, tenant }) ? 'found' : claims.length > 0 ? 'other' : 'missing'
    } catch {
      if (before?.claim === 'found') return true
      claim = 'unknown'
    }
    const looks = claim === 'found' ? 0 : (this.looks.get(`${lease}/${domain}`) ?? 0) + 1
    this.looks.set(`${lease}/${domain}`, looks)
    store.domains.patch(lease, domain, (stored) => {
      stored.claim = claim
      stored.claimedAt = this.now()
      if (claim !== 'found') stored.nextTry = this.now() + claimPauseAfter(looks)
    })
    if (claim === (before?.claim ?? 'unknown')) return claim === 'found'
    this.tellClaim(lease, domain, claim)
    // Gateways may remember that there was no record, and authorities ask through them.
    if (claim === 'found') this.later(lease, domain, GATEWAYS_FORGET_MS)
    return false
  }

  private tellClaim(lease: Hex, domain: string, claim: StoredDomain['claim']): void {
    const name = claimNameOf(domain)
    const said = {
      found: `${domain} is yours: ${name} says so.`,
      missing: `${domain} is not served: there is no TXT record at ${name} that names this lease.`,
      other: `${domain} is not served: the TXT record at ${name} names another lease.`,
      unknown: `${domain} is not served: no name server answers for ${name}.`,
    }
    this.parts.event(lease, claim === 'found' ? 'domain' : 'domain-missing', said[claim])
  }

  /** Whether a certificate needs no renewal yet; says when it is looked at again. */
  private async isGood(
    lease: Hex,
    domain: string,
    authority: Authority,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store } = this.parts
    const stored = store.domains.find(lease, domain)
    if (!stored?.certificate || stored.ordering?.order) return false
    const facts = factsOf(stored.certificate)
    let at = stored.renewal?.at ?? renewalAt(facts)
    if (this.now() - (stored.renewal?.asked ?? 0) >= RENEWAL_ASK_MS) {
      const id = renewalIdOf(stored.certificate)
      // What the authority wishes for is no reason to have none.
      const window = id && (await authority.renewalOf(id, signal).catch(() => undefined))
      at = window ? window.from + Math.random() * (window.to - window.from) : renewalAt(facts)
      store.domains.patch(lease, domain, (changed) => {
        changed.renewal = { at, asked: this.now() }
      })
    }
    if (this.now() >= at) return false
    this.later(lease, domain, Math.min(at - this.now(), CLAIM_AGAIN_MS))
    return true
  }

  /** Gets a certificate: with a key that is written down before anybody hears of it. */
  private async certify(
    lease: Hex,
    domain: string,
    authority: Authority,
    signal: AbortSignal,
  ): Promise<void> {
    const { domains } = this.parts.store
    const { ordering, certificate: before } = domains.patch(lease, domain, (stored) => {
      stored.ordering ??= { key: newTlsKey() }
    })
    const key = ordering?.key ?? ''
    const chain = await authority.certify({
      lease,
      domain,
      key,
      request: await requestTlsCertificate(key, [domain]),
      begun: ordering?.order,
      replaces: before && renewalIdOf(before),
      ordered: (order) =>
        void domains.patch(lease, domain, (stored) => {
          stored.ordering = { key, order }
        }),
      signal,
    })
    checkCertificate({ key, chain }, domain)
    if (this.parts.store.lease(lease)?.state !== 'open') return
    const facts = factsOf({ chain })
    domains.patch(lease, domain, (stored) => {
      stored.certificate = { key, chain }
      stored.failures = 0
      for (const done of ['ordering', 'failure', 'renewal', 'warned'] as const) delete stored[done]
      stored.nextTry = this.now() + jittered(60_000)
    })
    this.parts.event(
      lease,
      'certificate',
      `${domain} has a certificate by ${facts.issuer} until ${new Date(facts.notAfter).toISOString().slice(0, 10)}; its key was made in this worker.`,
    )
  }

  private failed(lease: Hex, domain: string, error: unknown): StoredDomain {
    return this.parts.store.domains.patch(lease, domain, (stored) => {
      stored.failures++
      stored.failure = { time: this.now(), message: messageOf(error).slice(0, 1_000) }
      const told = error instanceof AcmeProblem ? (error.notBefore ?? 0) : 0
      stored.nextTry = Math.max(this.now() + pauseAfter(stored.failures), told)
      // Whatever an order came to, the next try is a new one, with a key that nobody has heard of.
      if (error instanceof AcmeProblem && error.kind !== 'slow') delete stored.ordering
    })
  }

  /** Tells once that a certificate is about to end. */
  private warn(lease: Hex, domain: string, certificate: { chain: string }): void {
    const facts = factsOf(certificate)
    if (this.now() < certificateAlarmAt(facts) || this.parts.store.domains.find(lease, domain)?.warned) return
    this.parts.store.domains.patch(lease, domain, (stored) => {
      stored.warned = true
    })
    this.parts.event(
      lease,
      'certificate-expiring',
      `The certificate of ${domain} ends at ${new Date(facts.notAfter).toISOString()}, and there is no new one yet.`,
    )
  }

  private later(lease: Hex, domain: string, ms: number): void {
    this.parts.store.domains.patch(lease, domain, (stored) => {
      stored.nextTry = this.now() + ms
    })
  }
}
