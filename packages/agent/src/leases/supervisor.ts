import { EventEmitter } from 'node:events'
import { type ChainLease, getLease, type Wallet } from '@cloister/chain'
import {
  amountsOf,
  CloisterError,
  type Collector,
  canonicalHash,
  checkSupported,
  type DnsAccess,
  gpuMismatch,
  hashManifest,
  type Manifest,
  messageOf,
  needsSeparateNetworks,
  type RegistryLogin,
  resourcesOf,
  type ScrapeTokens,
  type SendReport,
  type SentBlob,
  shortId,
  shownCollector,
} from '@cloister/core'
import type { Executor } from '@cloister/executors'
import { type Envelope, missingSecrets } from '@cloister/secrets'
import type { Address, Hex } from 'viem'
import { capacityOf } from '../bidding/capacity.ts'
import type { AgentConfig } from '../config.ts'
import { lastWords } from '../ended-logs.ts'
import type { Log } from '../log.ts'
import { within } from '../patience.ts'
import type { LeaseSecrets } from '../secrets/lease-secrets.ts'
import type { SentRoom } from '../sent/sent-room.ts'
import type { Accepted, LeaseEvent, OpenLease, Store, StoredLease } from '../store.ts'
import type { VolumeRoom } from '../volumes/volume-room.ts'
import type { AgentSockets } from '../workload/agent-sockets.ts'
import { toldOfStatuses } from './container-report.ts'
import { Forwarding } from './forwarding.ts'
import { Holds } from './holds.ts'
import { LeaseRunner } from './runner.ts'
import { withToken } from './scrape-tokens.ts'
import { hasRoomFor, sizeInWords, takeSize } from './size.ts'
import { Wiping } from './wiping.ts'

/** What a worker needs to keep its leases. */
export interface SupervisorParts {
  config: AgentConfig
  store: Store
  executor: Executor
  sent: SentRoom
  volumes: VolumeRoom
  wallet: Wallet
  secrets: LeaseSecrets
  sockets: AgentSockets
  log: Log
}

/** Milliseconds a lease may be missing from the chain, as while it reorganises, before it counts as ended. */
const MISSING_MS = 120_000
/**
 * Milliseconds for looks that are under way to end when the worker stops: a lease that is closed has to let
 * go of what begins, gives its containers their time and is wiped. Left alone they would run on with nobody.
 */
const LEAVING_MS = 40_000

const BYTES_PER_MIB = 1024 * 1024

/** Brings what runs here in line with what the chain says: takes leases on, ends what is closed. */
export class LeaseSupervisor {
  readonly forwarding: Forwarding
  /** Emits `event` with every LeaseEvent. */
  readonly events = new EventEmitter()
  private readonly parts: SupervisorParts
  private readonly runners = new Map<Hex, LeaseRunner>()
  private readonly holds: Holds
  private readonly wiping: Wiping
  private readonly refreshing = new Map<Hex, Promise<void>>()
  /** Leases the chain knows nothing of just now, and since when (Unix milliseconds). */
  private readonly missing = new Map<Hex, number>()

  constructor(parts: SupervisorParts) {
    this.parts = parts
    this.events.setMaxListeners(0)
    const { executor, store, config, log } = parts
    this.wiping = new Wiping(parts)
    this.holds = new Holds(store, (id) => this.runAgain(id, 'The time is over that it was to stand still.'))
    this.forwarding = new Forwarding({
      executor,
      store,
      log,
      range: config.tcpPorts,
      host: config.listen.host,
      ready: (lease, service) => this.runners.get(lease)?.ready(service) ?? [],
    })
  }

  /**
   * Takes up every lease in the store and removes from the engine whatever is of no lease that is open on
   * chain; also later, of machines that were away.
   */
  async resume(): Promise<void> {
    const { store, executor, log } = this.parts
    await this.removeEnded()
    executor.onReturn?.(() => {
      this.removeEnded().catch((error) =>
        log('warn', 'what is left of leases could not be looked for', { error: messageOf(error) }),
      )
    })
    for (const lease of store.openLeases()) {
      await this.refresh(lease.id).catch((error) =>
        log('warn', 'a lease could not be checked', { lease: lease.id, error: messageOf(error) }),
      )
      this.holds.arm(lease.id)
      if (store.lease(lease.id)?.state === 'open' && !this.runners.has(lease.id)) this.take(lease.id).resume()
    }
  }

  /** Removes from the engine whatever is of no lease that is open on chain. */
  private async removeEnded(): Promise<void> {
    const { store, executor, log } = this.parts
    for (const id of (await executor.leases()) as Hex[]) {
      if (this.runners.has(id)) continue
      // It may be in the middle of being ended, in its own time.
      await this.refreshing.get(id)?.catch(() => {})
      if (!store.lease(id)) {
        try {
          // A lost store is no reason to wipe what a tenant has on disk.
          await this.refresh(id)
        } catch (error) {
          log('warn', 'a lease could not be checked', { lease: id, error: messageOf(error) })
          continue
        }
      }
      if (store.lease(id)?.state === 'open') continue
      log('info', 'removing what is left of a lease', { lease: id })
      if (store.lease(id)?.state === 'closed') await this.keepWhatIsLeft(id).catch(() => {})
      // What can't be wiped is no reason not to serve the others.
      await this.wiping.wipe(id)
    }
  }

  /** A lease that is open here. Throws `not-found`. */
  requireOpen(id: Hex): StoredLease {
    return openOf(this.parts.store, id)
  }

  runner(id: Hex): LeaseRunner | undefined {
    return this.runners.get(id)
  }

  openLeases(): OpenLease[] {
    return this.parts.store.openLeases()
  }

  /**
   * Looks at a lease on the chain and acts on it. At most one look at a time per lease, and one more behind
   * it. `closer` is who closed it, where that is known.
   */
  refresh(id: Hex, closer?: Address): Promise<void> {
    const running = this.refreshing.get(id)
    const next = (running ?? Promise.resolve()).catch(() => {}).then(() => this.look(id, closer))
    this.refreshing.set(id, next)
    const clear = () => this.refreshing.get(id) === next && this.refreshing.delete(id)
    next.then(clear, clear)
    return next
  }

  /**
   * Accepts a manifest from a lease's tenant: it must be the one whose hash is on the lease, fit into what
   * was bid, and need nothing this worker lacks. Committed before it is run. `reader`: the tenant's reading
   * key, which what is left of the lease will be sealed to.
   */
  async accept(id: Hex, manifest: Manifest, reader?: Hex): Promise<void> {
    const { store, wallet, executor, config, sent } = this.parts
    if (store.lease(id)?.state !== 'open') await this.refresh(id)
    const hash = hashManifest(manifest)
    const known = openOf(store, id)
    if (known.running?.hash === hash || known.next?.hash === hash) return
    const taken = await sent.require(known.tenant, manifest)
    const chain = await getLease(wallet, id)
    // It may have been closed meanwhile. From here to the end nothing is waited for, so that what holds now
    // holds then.
    const lease = openOf(store, id)
    if (chain.state !== 'open') throw noOpenLease(id)
    if (lease.running?.hash === hash || lease.next?.hash === hash) return
    this.hearSize(id, chain)
    if (chain.manifestHash !== hash)
      throw new CloisterError(
        'wrong-manifest',
        `The lease is for the manifest ${chain.manifestHash}, not ${hash}.`,
        {
          hint: { do: 'update-lease' },
        },
      )
    const wanted = resourcesOf(manifest)
    const sized = openOf(store, id)
    if (!hasRoomFor(manifest, sized))
      throw new CloisterError(
        'unsupported',
        `The manifest needs more than the lease has (${sizeInWords(sized)}).`,
        { hint: { do: 'resize-lease', subject: shortId(id) } },
      )
    const { attributes, capacity } = config
    const { gpuClass } = capacity
    for (const [name, value] of Object.entries(manifest.attributes))
      if (attributes[name] !== value)
        throw new CloisterError(
          'unsupported',
          `The manifest asks for ${name}=${value}; here it is ${attributes[name] ?? 'not set'}.`,
        )
    if (wanted.gpus > 0 && wanted.gpuModels.length > 0 && !wanted.gpuModels.includes(gpuClass))
      throw new CloisterError(
        'unsupported',
        `The manifest asks for ${wanted.gpuModels.join(' or ')}, and this worker has ${gpuClass}.`,
      )
    const unlike = gpuMismatch(wanted, {
      gpuClass,
      ram: attributes['gpu-ram'],
      form: attributes['gpu-interface'],
    })
    if (unlike !== undefined) throw new CloisterError('unsupported', unlike)
    if (needsSeparateNetworks(manifest) && !executor.separateNetworks)
      throw new CloisterError(
        'unsupported',
        'Two containers listen on the same port, and the sandbox gives a lease one network.',
      )
    if (manifest.network !== undefined && !executor.privateNetworks)
      throw new CloisterError(
        'unsupported',
        'The manifest names a private network, and this worker has none: those take root, wireguard-go and nftables there.',
      )
    checkSupported(manifest)
    const { envelope } = lease
    const missing = missingSecrets(manifest, envelope)
    if (missing.length > 0)
      throw new CloisterError(
        'secrets-missing',
        `The manifest takes sealed secrets that were not handed over: ${missing.slice(0, 10).join(', ')}.`,
        {
          hint: { do: 'give-secrets' },
        },
      )
    store.patchLease(id, (stored) => {
      stored.next = { hash, manifest, sent: taken, ...(envelope && { envelope }) }
      if (reader) stored.reader = reader
    })
    this.event(id, 'manifest', `Accepted the manifest ${hash.slice(0, 18)}….`)
    this.forwarding.arrange(id, manifest)
    ;(this.runners.get(id) ?? this.take(id)).takeNext()
  }

  /**
   * Hears what a lease's tenant is about to send beside the next manifest, and says what of it is lacking.
   * Committed before anything comes, so that nothing of it goes while the lease is open.
   */
  async announce(id: Hex, blobs: readonly SentBlob[]): Promise<SendReport> {
    const { store, sent } = this.parts
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0)
    // It may have been resized for this a moment ago.
    if (bytes > openOf(store, id).resources.diskMiB * BYTES_PER_MIB) await this.refresh(id)
    const { tenant, resources } = openOf(store, id)
    const now = blobs.map(({ digest }) => digest)
    store.patchLease(id, (lease) => {
      if (lease.sent && canonicalHash(lease.sent.now) === canonicalHash(now)) return
      lease.sent = { now, before: lease.sent?.now ?? [] }
    })
    return sent.begin({ id, tenant, diskMiB: resources.diskMiB }, blobs)
  }

  /**
   * Takes sealed secrets from a lease's tenant, for the manifest that comes next. What runs already is
   * started anew with them.
   */
  async acceptSecrets(id: Hex, envelope: Envelope): Promise<void> {
    const { store } = this.parts
    if (store.lease(id)?.state !== 'open') throw noOpenLease(id)
    const { running, next } = store.patchLease(id, (stored) => {
      stored.envelope = envelope
      const current = stored.next ?? stored.running
      if (
        current &&
        missingSecrets(current.manifest, undefined).length > 0 &&
        missingSecrets(current.manifest, envelope).length === 0
      )
        stored.next = { ...acceptedOf(current), envelope }
    })
    this.event(
      id,
      'secrets',
      `Took ${envelope.names.length} sealed ${envelope.names.length === 1 ? 'secret' : 'secrets'}.`,
    )
    if (running && next) this.runners.get(id)?.takeNext()
  }

  /**
   * Takes logins at registries from a lease's tenant, in place of those before, for what is pulled from now
   * on.
   */
  async acceptLogins(id: Hex, logins: RegistryLogin[]): Promise<void> {
    const { store } = this.parts
    if (store.lease(id)?.state !== 'open') throw noOpenLease(id)
    store.patchLease(id, (stored) => {
      if (logins.length > 0) stored.logins = logins
      else delete stored.logins
    })
    this.event(
      id,
      'logins',
      `Took ${logins.length} ${logins.length === 1 ? 'login' : 'logins'} for registries.`,
    )
  }

  /**
   * Takes from a lease's tenant where its logs are to go, in place of where they went before. Throws
   * `unsupported` where the provider lets nothing out.
   */
  async acceptCollectors(id: Hex, list: Collector[]): Promise<void> {
    const { store, config } = this.parts
    if (store.lease(id)?.state !== 'open') throw noOpenLease(id)
    if (list.length > 0 && !config.internet.allow)
      throw new CloisterError('unsupported', 'This provider lets nothing out, so no logs either.')
    store.patchLease(id, (stored) => {
      if (list.length > 0) stored.collectors = { list, since: stored.collectors?.since ?? Date.now() }
      else delete stored.collectors
    })
    const to = list.map(({ url }) => shownCollector(url)).join(', ')
    this.event(id, 'collector', list.length > 0 ? `Logs go to ${to}.` : 'Logs go to no collector any more.')
  }

  /**
   * Takes from a lease's tenant how DNS is changed for its domains, in place of what was before, or that it
   * isn't any more. Throws `unsupported` where the provider lets nothing out.
   */
  async acceptDnsAccess(id: Hex, access: DnsAccess | null): Promise<void> {
    const { store, config } = this.parts
    if (store.lease(id)?.state !== 'open') throw noOpenLease(id)
    if (access && !config.internet.allow)
      throw new CloisterError('unsupported', 'This provider lets nothing out, so no updates of DNS either.')
    store.patchLease(id, (stored) => {
      if (access) stored.dns = access
      else delete stored.dns
    })
    store.domains.retry(id)
    this.event(
      id,
      'dns-access',
      access
        ? `Certificates are got by updates of DNS at ${access.server}, with the key ${access.key.name}.`
        : 'DNS is not changed for certificates any more.',
    )
  }

  /** Lets one more token read a lease's metrics, or none any more. */
  async acceptScrapeTokens(id: Hex, { add, revoke }: ScrapeTokens): Promise<void> {
    const { store } = this.parts
    if (store.lease(id)?.state !== 'open') throw noOpenLease(id)
    store.patchLease(id, (stored) => {
      const before = revoke === 'all' ? [] : (stored.scrapeTokens ?? [])
      stored.scrapeTokens = add ? withToken(before, add, Math.floor(Date.now() / 1000)) : before
    })
    this.event(
      id,
      'scrape-token',
      add
        ? `A token reads its metrics until ${new Date(add.expiresAt * 1000).toISOString()}.`
        : 'No token reads its metrics any more.',
    )
  }

  /**
   * Looks up anew what the tags of a running manifest mean, and runs that; what means the same runs on
   * untouched. Committed before it is done. Throws `not-running` where nothing runs yet.
   */
  async pullAgain(id: Hex): Promise<void> {
    const { store } = this.parts
    const lease = store.lease(id)
    if (lease?.state !== 'open') throw noOpenLease(id)
    if (!lease.running)
      throw new CloisterError(
        'not-running',
        'No manifest runs on the lease, so there is nothing to pull again.',
      )
    store.patchLease(id, (stored) => {
      const { running } = stored
      // What was handed over meanwhile is pulled anyway.
      if (running && !stored.next) stored.next = acceptedOf(running)
      delete stored.failed
    })
    this.event(id, 'pull', 'Looking up anew what the images of the manifest are.')
    this.runners.get(id)?.takeNext()
  }

  /**
   * Has a lease's containers stand still, `seconds` long or for good, or run again. Committed before it is
   * done. Throws `unsupported` where what would run again needs more than the lease has.
   */
  async hold(id: Hex, held: boolean, seconds: number | undefined): Promise<void> {
    const { store } = this.parts
    openOf(store, id)
    // It may have been resized for this a moment ago.
    if (!held && openOf(store, id).held) await this.refresh(id)
    const { held: isHeld, outgrownSince } = openOf(store, id)
    if (!held && isHeld && outgrownSince !== undefined)
      throw new CloisterError('unsupported', 'What would run again needs more than the lease has.', {
        hint: { do: 'resize-lease', subject: shortId(id) },
      })
    if (held) {
      this.holds.hold(id, seconds)
      this.runners.get(id)?.hold()
    } else if (this.holds.letGo(id)) this.runAgain(id, 'It runs again, as its tenant asked.')
  }

  private runAgain(id: Hex, why: string): void {
    this.event(id, 'let-go', why)
    this.runners.get(id)?.resume()
  }

  event(id: Hex, kind: string, message: string): void {
    const event: LeaseEvent = this.parts.store.addEvent(id, kind, message)
    this.parts.log('info', message, { lease: shortId(id), kind })
    this.events.emit('event', event)
  }

  /** Tells a lease that is open here what the engine says of it. */
  notice(id: Hex, message: string): void {
    if (this.parts.store.lease(id)?.state === 'open') this.event(id, 'engine', message)
  }

  /** Ends all containers; leases stay open and `resume` takes them up again. */
  async halt(): Promise<void> {
    this.forwarding.endAll()
    this.holds.close()
    await within(Promise.allSettled(this.refreshing.values()), LEAVING_MS)
    await Promise.all([...this.runners.values()].map((runner) => runner.halt()))
    await this.wiping.stop()
    await this.parts.sockets.closeAll()
    this.runners.clear()
  }

  private async look(id: Hex, closer: Address | undefined): Promise<void> {
    const { store, wallet, config, log } = this.parts
    const chain = await getLease(wallet, id)
    const known = store.lease(id)
    if (chain.state !== 'none') this.missing.delete(id)
    if (chain.state === 'none' && known?.state === 'open') {
      // The chain may be going back and forth; what a tenant has on disk is not wiped for that.
      const since = this.missing.get(id) ?? Date.now()
      this.missing.set(id, since)
      if (Date.now() - since < MISSING_MS) return
      this.missing.delete(id)
    }
    if (chain.state !== 'open') {
      if (known?.state === 'open') await this.finish(id, closer)
      return
    }
    if (chain.worker !== wallet.account.address) return
    if (known?.state === 'closed') {
      // Closed and open again can only be a reorganisation of the chain.
      store.patchLease(id, (lease) => {
        lease.state = 'open'
      })
      this.take(id).resume()
      return
    }
    if (known) {
      this.hearSize(id, chain)
      if (
        known.running &&
        chain.manifestHash !== known.running.hash &&
        chain.manifestHash !== known.next?.hash &&
        chain.manifestHash !== known.failed?.hash
      )
        log('info', 'an update is announced', { lease: shortId(id) })
      return
    }
    // The Market took its bid's signature and lets nobody take more than there is room for: it is served,
    // and the chain says what it takes.
    const resources = amountsOf(chain.room, capacityOf(config))
    store.saveLease({
      id,
      tenant: chain.tenant,
      state: 'open',
      resources,
      room: chain.room.toString(),
      noticeMinutes: chain.noticeMinutes,
      restarts: {},
      openedAt: Date.now(),
    })
    this.take(id)
    this.event(id, 'opened', 'The lease is open; waiting for its manifest.')
  }

  /** Tells a lease's tenant that it has another size, where the chain says so. */
  private hearSize(id: Hex, chain: ChainLease): void {
    const { store, config } = this.parts
    if (takeSize(store, id, chain, config))
      this.event(id, 'resized', `The lease has ${sizeInWords(openOf(store, id))} now.`)
  }

  private async finish(id: Hex, closer: Address | undefined): Promise<void> {
    const { store, executor, volumes, wallet } = this.parts
    const { tenant } = store.patchLease(id, (lease) => {
      lease.state = 'closed'
      const silent = silentOf(lease)
      if (silent.length > 0) lease.silent = silent
      // Manifests have secrets in them.
      delete lease.running
      delete lease.next
      delete lease.envelope
      delete lease.logins
      delete lease.collectors
      delete lease.dns
      delete lease.scrapeTokens
      delete lease.sent
      delete lease.staged
      delete lease.held
    })
    store.domains.forget(id)
    store.scrub()
    this.holds.forget(id)
    // What stays of it goes with the next sweep.
    void volumes.forget(id).catch(() => {})
    const who =
      closer === undefined
        ? 'The lease is closed'
        : `${nameOf(closer, tenant, wallet.account.address)} closed the lease`
    this.event(
      id,
      'closed',
      `${who}; everything of it is wiped but the last of its logs, which its tenant can read for a day.`,
    )
    this.parts.sent.end(id)
    this.forwarding.end(id)
    store.releasePorts(id)
    const runner = this.runners.get(id)
    this.runners.delete(id)
    // Its end is no news any more: whoever hears of it again has nothing to do.
    await this.wiping.wipe(id, async () => {
      if (runner) return runner.destroy()
      await this.keepWhatIsLeft(id)
      await executor.destroy(id)
    })
  }

  /** Keeps the last words of a lease that ended without anybody to watch it, unless they are kept. */
  private async keepWhatIsLeft(lease: Hex): Promise<void> {
    const { store, executor } = this.parts
    if (store.ended.has(lease)) return
    const containers = await executor.containers(lease).catch(() => [])
    const { reader, silent = [] } = store.lease(lease) ?? {}
    const services = toldOfStatuses(containers, silent)
    const names = services.filter(({ logs }) => logs !== false).map(({ name }) => name)
    const lines = await lastWords(executor, lease, names)
    await store.ended.keep({ lease, lines, services, reader })
  }

  private take(id: Hex): LeaseRunner {
    const { executor, store, sent, volumes, wallet, secrets, sockets } = this.parts
    const runner = new LeaseRunner({
      id,
      executor,
      store,
      sent,
      volumes,
      secrets,
      sockets,
      gatewayUrl: wallet.network.gatewayUrl,
      emit: (kind, message) => this.event(id, kind, message),
    })
    this.runners.set(id, runner)
    const manifest = store.lease(id)?.running?.manifest
    if (manifest) this.forwarding.arrange(id, manifest)
    return runner
  }
}

/** A lease that is open here. Throws `not-found`. */
function openOf(store: Store, id: Hex): StoredLease {
  const lease = store.lease(id)
  if (lease?.state !== 'open') throw noOpenLease(id)
  return lease
}

/** Services of a lease, as it runs or is to run, that keep what they print from everybody. */
function silentOf({ running, next, silent = [] }: StoredLease): string[] {
  const services = [running, next].flatMap((accepted) => Object.entries(accepted?.manifest.services ?? {}))
  const named = services.flatMap(([name, { logs }]) => (logs === false ? [name] : []))
  return [...new Set([...silent, ...named])]
}

/** What was accepted, to be run once more. */
function acceptedOf({ hash, manifest, envelope, sent }: Omit<Accepted, 'images'>): Omit<Accepted, 'images'> {
  return { hash, manifest, ...(envelope && { envelope }), ...(sent && { sent }) }
}

function noOpenLease(id: Hex): CloisterError {
  return new CloisterError('not-found', `This worker has no open lease ${shortId(id)}.`)
}

function nameOf(account: Address, tenant: Address, worker: Address): string {
  return account === tenant ? 'Its tenant' : account === worker ? 'Its worker' : account
}
