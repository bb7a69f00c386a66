import type { DatabaseSync } from 'node:sqlite'
import type { Hex } from 'viem'

/** A certificate of a domain, with the key that was made for it here. PEM. */
export interface StoredCertificate {
  key: string
  chain: string
}

/** What a worker keeps of a domain of a lease. Times in Unix milliseconds. */
export interface StoredDomain {
  lease: Hex
  domain: string
  /** What DNS said of whose it is when it was looked up last. */
  claim: 'unknown' | 'found' | 'missing' | 'other'
  claimedAt?: number | undefined
  certificate?: StoredCertificate | undefined
  /** Key and order of a certificate that is being got: written down before anybody is asked for it. */
  ordering?: { key: string; order?: string | undefined } | undefined
  /** When the authority would have it renewed, drawn from its window, and when it was asked. */
  renewal?: { at: number; asked: number } | undefined
  /** Failures one after the other, and the last. */
  failures: number
  failure?: { time: number; message: string } | undefined
  nextTry?: number | undefined
  /** Challenges in DNS that were about to be made, and aren't known to be gone. */
  published?: { name: string; zone: string; text: string }[] | undefined
  /** The tenant was told that the certificate is about to end. */
  warned?: true | undefined
}

/** Domains of leases in the agent's store, with their keys, until the lease ends. */
export class DomainStore {
  private readonly db: DatabaseSync
  private readonly held = new Map<string, StoredDomain>()

  constructor(db: DatabaseSync) {
    this.db = db
    db.exec(
      'CREATE TABLE IF NOT EXISTS domain (lease TEXT NOT NULL, domain TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (lease, domain)) STRICT',
    )
    for (const row of db.prepare('SELECT data FROM domain').iterate()) {
      const stored = JSON.parse(String(row['data'])) as StoredDomain
      this.held.set(keyOf(stored.lease, stored.domain), stored)
    }
  }

  find(lease: Hex, domain: string): StoredDomain | undefined {
    return this.held.get(keyOf(lease, domain))
  }

  /** Changes what is kept of a domain, and commits it; returns what it is then. */
  patch(lease: Hex, domain: string, change: (stored: StoredDomain) => void): StoredDomain {
    const stored: StoredDomain = {
      ...(this.find(lease, domain) ?? { lease, domain, claim: 'unknown', failures: 0 }),
    }
    change(stored)
    this.db
      .prepare('INSERT OR REPLACE INTO domain (lease, domain, data) VALUES (?, ?, ?)')
      .run(lease, domain, JSON.stringify(stored))
    this.held.set(keyOf(lease, domain), stored)
    return stored
  }

  /** Has those of a lease's domains that failed tried again now. */
  retry(lease: Hex): void {
    for (const stored of [...this.held.values()])
      if (stored.lease === lease && stored.failures > 0)
        this.patch(lease, stored.domain, (changed) => {
          changed.failures = 0
          delete changed.nextTry
        })
  }

  /** Forgets a lease's domains, and their keys with them. */
  forget(lease: Hex): void {
    this.db.prepare('DELETE FROM domain WHERE lease = ?').run(lease)
    for (const [key, stored] of this.held) if (stored.lease === lease) this.held.delete(key)
  }
}

function keyOf(lease: Hex, domain: string): string {
  return `${lease}/${domain}`
}
