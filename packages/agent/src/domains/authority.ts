import { readFileSync } from 'node:fs'
import { CloisterError, messageOf } from '@cloister/core'
import { CheckedFetch, tlsOver } from '@cloister/transport'
import type { Hex } from 'viem'
import type { Store } from '../store.ts'
import { type AcmeAccount, AcmeClient, type OrderParts } from './acme/client.ts'
import { newAccountKey } from './acme/jws.ts'
import { AcmeProblem } from './acme/problem.ts'
import type { Challenges } from './challenges.ts'
import type { ChallengePlace, DnsChallenges } from './dns/dns-challenges.ts'

/** Somebody who certifies domains. */
export interface Authority {
  /** Where the account with it is, for CAA records (RFC 8657); once there is one. */
  readonly account: string | undefined
  /** How CAA records call it, once it has said so. */
  readonly identity: string | undefined
  /** A certificate with its chain, PEM, for `request`. */
  certify(
    wanted: { lease: Hex; domain: string; key: string } & Pick<
      OrderParts,
      'request' | 'begun' | 'replaces' | 'ordered' | 'signal'
    >,
  ): Promise<string>
  renewalOf(certificate: string, signal: AbortSignal): Promise<{ from: number; to: number } | undefined>
}

/** What a worker is told of its authority. */
export interface AuthoritySettings {
  directory: string
  /** `mailto:` addresses. */
  contact: readonly string[]
  agreesToTerms: boolean
  /** Authorities that it is trusted by, in place of the system's: a file, PEM. */
  roots?: string | undefined
}

/** An authority that speaks ACME. Its account is kept in the agent's store. */
export class AcmeAuthority implements Authority {
  private readonly settings: AuthoritySettings
  private readonly store: Store
  private readonly challenges: Challenges
  private readonly dns: DnsChallenges
  private readonly account_: AcmeAccount
  private readonly client: AcmeClient
  private readonly fetch: CheckedFetch
  private registering: Promise<string> | undefined

  /**
   * URLs that the authority names may lead into private networks only where its own does, which whoever runs
   * the worker has named.
   */
  constructor(
    settings: AuthoritySettings,
    parts: { store: Store; challenges: Challenges; dns: DnsChallenges },
  ) {
    this.settings = settings
    this.store = parts.store
    this.challenges = parts.challenges
    this.dns = parts.dns
    const directory = new URL(settings.directory)
    this.account_ = this.loadAccount()
    const roots = settings.roots === undefined ? undefined : readFileSync(settings.roots, 'utf8')
    this.fetch = new CheckedFetch(
      ({ host }) => ({ allowsInternal: host === directory.host }),
      roots === undefined
        ? undefined
        : (socket, host) => tlsOver(socket, host, { ca: roots, ALPNProtocols: ['http/1.1'] }),
    )
    this.client = new AcmeClient(directory, this.account_, (url, init) => this.fetch.fetch(url, init))
  }

  get account(): string | undefined {
    return this.account_.url
  }

  get identity(): string | undefined {
    return this.client.identity
  }

  /**
   * By DNS where its tenant has given access to that, else over HTTP. A single domain for which that access
   * is of no use gets its certificate over HTTP, too; a wildcard can't.
   */
  async certify(wanted: Parameters<Authority['certify']>[0]): Promise<string> {
    const { lease, domain, signal } = wanted
    const isWildcard = domain.startsWith('*.')
    let { begun } = wanted
    const ordered = (url: string) => {
      begun = url
      wanted.ordered(url)
    }
    let problem: string | undefined
    try {
      const place = await this.dns.placeOf(lease, domain, signal)
      if (place) return await this.order({ ...wanted, ordered }, place)
    } catch (error) {
      if (isWildcard || signal.aborted || error instanceof AcmeProblem) throw error
      problem = messageOf(error)
    }
    if (isWildcard)
      throw new CloisterError(
        'unsupported',
        'Authorities certify wildcards by DNS alone, and its tenant has given no access to that.',
      )
    try {
      return await this.order({ ...wanted, begun, ordered })
    } catch (error) {
      if (problem === undefined || !(error instanceof AcmeProblem)) throw error
      throw new AcmeProblem(error.kind, `${error.detail} (DNS was not used: ${problem})`, error.notBefore)
    }
  }

  private async order(
    { lease, domain, ...order }: Parameters<Authority['certify']>[0],
    place?: ChallengePlace,
  ): Promise<string> {
    await this.register(order.signal)
    try {
      return await this.client.order({
        ...order,
        domain,
        type: place ? 'dns-01' : 'http-01',
        publish: async (token, answer) =>
          place
            ? this.dns.publish({ lease, domain }, place, answer, order.signal)
            : this.challenges.add(lease, domain, token, answer),
      })
    } catch (error) {
      // The authority has forgotten us: the next try makes an account anew, with the same key.
      if (error instanceof AcmeProblem && error.kind === 'accountDoesNotExist') {
        this.account_.url = undefined
        this.saveAccount()
      }
      throw error
    }
  }

  renewalOf(certificate: string, signal: AbortSignal): ReturnType<Authority['renewalOf']> {
    return this.client.renewalOf(certificate, signal)
  }

  close(): void {
    this.fetch.close()
  }

  /** Several domains may want an account at one time. */
  private async register(signal: AbortSignal): Promise<void> {
    if (this.account_.url !== undefined) return
    const { contact, agreesToTerms } = this.settings
    this.registering ??= this.client
      .register({ contact, terms: agreesToTerms }, signal)
      .finally(() => (this.registering = undefined))
    await this.registering
    this.saveAccount()
  }

  private get setting(): string {
    return `acme-account ${this.settings.directory}`
  }

  /** The key is written down before the authority hears of it. */
  private loadAccount(): AcmeAccount {
    const kept = this.store.setting(this.setting)
    if (kept !== undefined) return JSON.parse(kept) as AcmeAccount
    const account = { key: newAccountKey() }
    this.store.saveSetting(this.setting, JSON.stringify(account))
    return account
  }

  private saveAccount(): void {
    this.store.saveSetting(this.setting, JSON.stringify(this.account_))
  }
}
