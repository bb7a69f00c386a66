import type { Wallet } from '@cloister/chain'
import {
  bidFromJson,
  bodyHash,
  CloisterError,
  type Collector,
  type CollectorReport,
  CollectorsReport,
  checkManifest,
  type DnsAccess,
  DomainsReport,
  EndedReport,
  EventReport,
  EvidenceReport,
  encodeAuthorization,
  fromProblem,
  type HoldRequest,
  LeaseReport,
  LogReport,
  type Manifest,
  MetricsReport,
  NetworkReport,
  OFFSET_HEADER,
  type Order,
  PartReport,
  type RegistryLogin,
  requestTypedData,
  resizeBidFromJson,
  type ScrapeTokens,
  SendReport,
  type SentBlob,
  type SignedBid,
  SignedMember,
  type SignedResizeBid,
  StatementReport,
  TICKET_HEADER,
  toCanonicalJson,
  VerdictReport,
  type VerdictRequest,
  WorkerReport,
} from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import { readServerSentEvents } from '@cloister/transport/web'
import { type Address, bytesToHex, type Hex } from 'viem'
import * as z from 'zod'
import { WorkerConnection } from '#connection'
import { fetchJson, reach, textOf } from '../ask.ts'
import type { ConnectionParts } from './connection/connection.ts'

/** Milliseconds for 4 MiB to get through, over a slow line. */
const PART_MS = 120_000

interface WorkerClientParts extends ConnectionParts {
  /** Signs what only a tenant may ask. */
  wallet?: Wallet | undefined
  /** Another client of the same worker, whose connections are used where the key is the same. */
  beside?: WorkerClient | undefined
}

/**
 * A worker's HTTP interface, as one tenant sees it. Requests about leases are signed, one by one. A session
 * gives one whose key was checked. Throws `unreachable`, `not-attested`, `bad-answer`, and what the worker's
 * problem document says.
 *
 * @example
 * ```ts
 * import { leases, type WorkerClient } from '@cloister/sdk'
 *
 * const { asTenant } = await leases.openSession(cloister, 'my-app')
 * const worker: WorkerClient = asTenant
 * console.log((await worker.report()).name)
 * ```
 */
export class WorkerClient {
  readonly worker: Address
  /** How to reach it: whoever holds its attested key alone is spoken to. */
  readonly connection: WorkerConnection
  private readonly wallet: Wallet | undefined

  constructor({ wallet, beside, ...parts }: WorkerClientParts) {
    this.worker = parts.worker
    this.wallet = wallet
    this.connection = new WorkerConnection(parts, beside?.connection)
  }

  get endpoint(): string {
    return this.connection.endpoint
  }

  report(signal?: AbortSignal): Promise<WorkerReport> {
    return this.ask('/v1/worker', WorkerReport, signal ? { signal } : {})
  }

  /** A quote about the worker: over `nonce`, or the one last handed in on chain. */
  evidence(nonce?: Hex, signal?: AbortSignal): Promise<EvidenceReport> {
    const query = nonce === undefined ? '' : `?nonce=${nonce}`
    return this.ask(`/v1/evidence${query}`, EvidenceReport, signal ? { signal } : {})
  }

  /** What runs for a lease, signed by the worker. Throws `not-found` where nothing does. */
  statement(lease: Hex, signal?: AbortSignal): Promise<StatementReport> {
    return this.ask(`/v1/leases/${lease}/statement`, StatementReport, signal ? { signal } : {})
  }

  /** The domains of a lease, and the keys made for them, signed by the worker. */
  domains(lease: Hex, signal?: AbortSignal): Promise<DomainsReport> {
    return this.ask(`/v1/leases/${lease}/domains`, DomainsReport, signal ? { signal } : {})
  }

  /** A bid on an order. Throws `no-bid` with the worker's reason. */
  async bid(order: Order, signal: AbortSignal): Promise<SignedBid> {
    const answer = await this.ask('/v1/bids', z.unknown(), {
      method: 'POST',
      body: JSON.stringify(order),
      headers: { 'content-type': 'application/json' },
      signal,
    })
    const bid = bidFromJson(answer)
    if (!bid) throw new CloisterError('bad-answer', `${this.who} answered with something that is no bid.`)
    return bid
  }

  /** A bid for changing a lease into what an order asks for. Throws `no-bid` with the worker's reason. */
  async resizeBid(lease: Hex, order: Order, signal: AbortSignal): Promise<SignedResizeBid> {
    const path = `/v1/leases/${lease}/bids`
    const body = JSON.stringify(order)
    const headers = { 'content-type': 'application/json', ...(await this.sign('POST', path, body)) }
    const answer = await this.ask(path, z.unknown(), { method: 'POST', body, headers, signal })
    const bid = resizeBidFromJson(answer)
    if (!bid) throw new CloisterError('bad-answer', `${this.who} answered with something that is no bid.`)
    return bid
  }

  /** A verdict on another worker's evidence. Throws `bad-evidence` or `forbidden` with the reason. */
  verdict(request: VerdictRequest, signal: AbortSignal): Promise<VerdictReport> {
    return this.ask('/v1/verdicts', VerdictReport, {
      method: 'POST',
      body: JSON.stringify(request),
      headers: { 'content-type': 'application/json' },
      signal,
    })
  }

  /** The manifest that runs on a lease. Throws `not-found` where none does. */
  async manifest(lease: Hex): Promise<Manifest> {
    const path = `/v1/leases/${lease}/manifest`
    return checkManifest(await this.ask(path, z.unknown(), { headers: await this.sign('GET', path) }))
  }

  /** Hands over the manifest; `reader`: our reading key, which what is left of the lease is sealed to. */
  async putManifest(lease: Hex, manifest: Manifest, reader?: Hex): Promise<void> {
    const query = reader === undefined ? '' : `?reader=${reader}`
    await this.change('PUT', `/v1/leases/${lease}/manifest${query}`, toCanonicalJson(manifest))
  }

  /** What is left of a lease that has ended. Throws `not-found` once it is wiped. */
  async ended(lease: Hex, signal?: AbortSignal): Promise<EndedReport> {
    const path = `/v1/leases/${lease}/ended`
    const headers = await this.sign('GET', path)
    return this.ask(path, EndedReport, { headers, ...(signal && { signal }) })
  }

  /**
   * Tells the worker of a lease that another one is on the private network of its own, as that one's worker
   * signed it, and hears the same of the lease. Throws `not-found` where it isn't.
   */
  meet(lease: Hex, member: SignedMember, signal: AbortSignal): Promise<SignedMember> {
    return this.ask(`/v1/leases/${lease}/network/members`, SignedMember, {
      method: 'POST',
      body: JSON.stringify(member),
      headers: { 'content-type': 'application/json' },
      signal,
    })
  }

  /** The private network that a lease is on. Throws `not-found` where it is on none. */
  async network(lease: Hex): Promise<NetworkReport> {
    const path = `/v1/leases/${lease}/network`
    return this.ask(path, NetworkReport, { headers: await this.sign('GET', path) })
  }

  /** The sealed secrets that a lease was given last, sealed as they are; undefined where it has none. */
  async secrets(lease: Hex): Promise<unknown> {
    const path = `/v1/leases/${lease}/secrets`
    try {
      return await this.ask(path, z.unknown(), { headers: await this.sign('GET', path) })
    } catch (error) {
      if (error instanceof CloisterError && error.code === 'not-found') return undefined
      throw error
    }
  }

  /** Hands over sealed secrets, for the manifest that comes next or for what runs. */
  async putSecrets(lease: Hex, envelope: Envelope): Promise<void> {
    await this.change('PUT', `/v1/leases/${lease}/secrets`, toCanonicalJson(envelope))
  }

  /** Hands over logins at registries, in place of those before, for the manifest that comes next. */
  async putLogins(lease: Hex, logins: readonly RegistryLogin[]): Promise<void> {
    await this.change('PUT', `/v1/leases/${lease}/logins`, toCanonicalJson({ logins }))
  }

  /** Says where logs and metrics of a lease go from now on, in place of where they went before. */
  async putCollectors(lease: Hex, collectors: readonly Collector[]): Promise<void> {
    await this.change('PUT', `/v1/leases/${lease}/collectors`, toCanonicalJson({ collectors }))
  }

  /** Says how DNS is changed for certificates of a lease's domains, or with null that it isn't any more. */
  async putDnsAccess(lease: Hex, access: DnsAccess | null): Promise<void> {
    await this.change('PUT', `/v1/leases/${lease}/dns`, toCanonicalJson({ access }))
  }

  /** How it goes with the collectors of a lease. */
  async collectors(lease: Hex): Promise<CollectorReport[]> {
    const path = `/v1/leases/${lease}/collectors`
    const headers = await this.sign('GET', path)
    return (await this.ask(path, CollectorsReport, { headers })).collectors
  }

  /** Lets a token of which the worker knows the hash read the metrics of a lease, or none any more. */
  async changeScrapeTokens(lease: Hex, change: ScrapeTokens): Promise<void> {
    await this.change('PUT', `/v1/leases/${lease}/scrape-tokens`, toCanonicalJson(change))
  }

  /**
   * Says what comes beside the next manifest, and hears what of it is lacking. Throws `too-large` where it
   * is more than the lease has disk, and `too-busy` where the worker has no room.
   */
  async announce(lease: Hex, blobs: readonly SentBlob[]): Promise<SendReport> {
    const path = `/v1/leases/${lease}/sent`
    const body = toCanonicalJson({ blobs })
    const headers = { 'content-type': 'application/json', ...(await this.sign('POST', path, body)) }
    return this.ask(path, SendReport, { method: 'POST', body, headers })
  }

  /**
   * Sends a part of a blob, of 4 MiB at most. Not from browsers. Throws `stale` where it doesn't begin at
   * what has come, `unauthorized` for a ticket that holds no more, and `bad-file` where the whole is not
   * what its digest says.
   */
  sendPart(
    lease: Hex,
    digest: string,
    { ticket, offset }: { ticket: Hex; offset: number },
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<PartReport> {
    return this.ask(`/v1/leases/${lease}/sent/${digest}`, PartReport, {
      method: 'PUT',
      body: bytes,
      headers: {
        'content-type': 'application/octet-stream',
        [TICKET_HEADER]: ticket,
        [OFFSET_HEADER]: String(offset),
      },
      signal: AbortSignal.timeout(PART_MS),
    })
  }

  /**
   * Has the worker look up anew what the tags of the running manifest are, and run that. Throws
   * `not-running`.
   */
  async pull(lease: Hex): Promise<void> {
    await this.change('POST', `/v1/leases/${lease}/pull`, '{}')
  }

  /**
   * Has a lease's containers end and its volumes stay, for good or `seconds` long, or run again. They have
   * ended once its state is `stopped`.
   */
  async hold(lease: Hex, request: HoldRequest): Promise<void> {
    await this.change('POST', `/v1/leases/${lease}/hold`, toCanonicalJson(request))
  }

  async lease(lease: Hex): Promise<LeaseReport> {
    const path = `/v1/leases/${lease}`
    return this.ask(path, LeaseReport, { headers: await this.sign('GET', path) })
  }

  async metrics(lease: Hex): Promise<MetricsReport> {
    const path = `/v1/leases/${lease}/metrics`
    return this.ask(path, MetricsReport, { headers: await this.sign('GET', path) })
  }

  events(
    lease: Hex,
    { after = 0, follow = false, signal }: { after?: number; follow?: boolean; signal: AbortSignal },
  ): AsyncGenerator<EventReport> {
    return this.stream(`/v1/leases/${lease}/events?after=${after}&follow=${follow}`, EventReport, signal)
  }

  logs(
    lease: Hex,
    {
      service,
      tail = 1000,
      follow = false,
      signal,
    }: { service?: string | undefined; tail?: number; follow?: boolean; signal: AbortSignal },
  ): AsyncGenerator<LogReport> {
    const query = new URLSearchParams({
      tail: String(tail),
      follow: String(follow),
      ...(service !== undefined && { service }),
    })
    return this.stream(`/v1/leases/${lease}/logs?${query}`, LogReport, signal)
  }

  /** Headers that carry the tenant's signature over one request. */
  async sign(
    method: string,
    path: string,
    body: string | Uint8Array = '',
  ): Promise<{ authorization: string }> {
    if (!this.wallet) throw new CloisterError('no-wallet', "That needs the tenant's account to sign with.")
    const { account, wallet, network } = this.wallet
    const signed = {
      tenant: account.address,
      issuedAt: Math.floor(Date.now() / 1000),
      nonce: bytesToHex(crypto.getRandomValues(new Uint8Array(32))),
    }
    const typed = requestTypedData(
      { ...signed, worker: this.worker, method, path, bodyHash: bodyHash(body) },
      network.chainId,
    )
    const signature = await wallet.signTypedData({ account, ...typed })
    return { authorization: encodeAuthorization({ ...signed, signature }) }
  }

  private async change(method: 'PUT' | 'POST', path: string, body: string): Promise<void> {
    await this.ask(path, z.unknown(), {
      method,
      body,
      headers: { 'content-type': 'application/json', ...(await this.sign(method, path, body)) },
    })
  }

  private async *stream<T extends z.ZodType>(
    path: string,
    schema: T,
    signal: AbortSignal,
  ): AsyncGenerator<z.infer<T>> {
    const response = await reach(
      this.who,
      this.connection.urlOf(path),
      { headers: await this.sign('GET', path), signal },
      this.connection.send,
    )
    if (!response.ok || !response.body)
      throw fromProblem(response.status, await textOf(this.who, response), this.who)
    try {
      yield* readServerSentEvents(response.body, schema)
    } catch (cause) {
      if (signal.aborted) return
      throw new CloisterError('unreachable', `${this.who} broke the stream off.`, {
        hint: 'Ask again; what was said is kept.',
        cause,
      })
    }
  }

  private ask<T extends z.ZodType>(path: string, schema: T, init: RequestInit): Promise<z.infer<T>> {
    const { send } = this.connection
    return fetchJson(this.who, this.connection.urlOf(path), schema, { ...init, send })
  }

  private get who(): string {
    return `The worker ${this.worker.slice(0, 10)}…`
  }
}
