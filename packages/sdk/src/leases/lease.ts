import { type ChainLease, getAccrued, getBilling, getLease, getNoticeSeconds } from '@cloister/chain'
import { GatewayClient } from '@cloister/client'
import {
  type AttestationState,
  attestationStateOf,
  CloisterError,
  type GatewayRoute,
  isInterruptible,
  type LeaseName,
  type LeaseRecord,
  type LeaseReport,
  messageOf,
  noticeSecondsOf,
  readLeaseName,
  secondsAffordable,
  shortId,
  writeLeaseName,
} from '@cloister/core'
import type { Address, Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { type Session, sessionOf } from '../session.ts'
import { isMember, ownNamed, severalMeant } from './groups/find.ts'

/** Everything about a lease at one moment. Amounts in base units of `token`, instants in Unix seconds. */
export interface LeaseStatus {
  lease: Hex
  shortId: string
  /** What it is called, `my-app/2` for a replica; of a closed lease, what it was opened with. */
  name: string | undefined
  /** Its place in its group; undefined for a lease that stands alone. */
  replica: number | undefined
  /**
   * The worker's word; `closed` is the chain's, `unreachable` where the worker doesn't answer, `open` where
   * we may not ask it.
   */
  state: LeaseReport['state'] | 'unreachable' | 'open'
  attestation: AttestationState
  /** Unix seconds up to which the worker is covered. */
  coveredUntil: number
  /** Seconds of the lease's life that no attestation covers, which the tenant did not pay for. */
  uncoveredSeconds: number
  /** What they would have earned the provider, base units. */
  uncoveredCost: bigint
  /** How long before the end its provider has to say so. */
  noticeSeconds: number
  /** That is less than the market's notice period, which its file accepted (`reclamation`). */
  interruptible: boolean
  /** The provider gave notice: from then on it may close the lease, Unix seconds. */
  noticeUntil: number | undefined
  tenant: Address
  provider: Address
  worker: Address
  token: Address
  symbol: string
  ratePerSecond: bigint
  deposit: bigint
  /** Settled and accrued. */
  spent: bigint
  balance: bigint
  refund: bigint
  /** When the balance will be used up if the worker stays covered; undefined for a closed lease. */
  paidUntil: number | undefined
  secondsLeft: number
  manifestHash: Hex
  failed: { manifestHash: Hex; reason: string } | undefined
  services: LeaseReport['services']
  /** Its domains of its tenant's own, by the word of its worker. */
  domains: LeaseReport['domains']
  url: Record<string, string>
  routes: GatewayRoute[]
  openedAt: number
  closedAt: number | undefined
  /** Why the worker's part is missing. */
  problem: string | undefined
}

/**
 * Finds a lease by id, short id or name, `my-app/2` for a replica of a group. A name means a lease of our own
 * that was opened with it, if there is one: names go to whoever comes first, and somebody else may have come.
 * Throws `not-found`, and `which-lease` for the name of a group.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { shortId, worker } = await leases.findLease(cloister, 'my-app')
 * ```
 */
export async function findLease(cloister: Cloister, key: string): Promise<LeaseRecord> {
  const text = key.trim().toLowerCase()
  if (!/^(0x[0-9a-f]{64}|[0-9a-f]{4,64}|[a-z0-9-]{1,32}(\/\d{1,3})?)$/.test(text))
    throw new CloisterError(
      'not-found',
      `${JSON.stringify(key.slice(0, 80))} is not the id or name of a lease.`,
      { hint: { do: 'list-leases' } },
    )
  const tenant = cloister.wallet?.account.address
  const named = readLeaseName(text)
  if (named) {
    const own = await findOwn(cloister, named)
    if (own) return own
    if (named.replica !== undefined)
      throw new CloisterError('not-found', `You have no open lease ${text}.`, { hint: { do: 'list-leases' } })
  }
  try {
    const found = await cloister.index.lease(text)
    if (found.lease.startsWith(`0x${text.replace(/^0x/, '')}`) || found.name === text) return found
    throw new CloisterError(
      'bad-answer',
      `The index was asked for ${text}, and answered with the lease ${found.lease}.`,
      { hint: 'Ask another one.' },
    )
  } catch (error) {
    if (!(error instanceof CloisterError) || error.code !== 'not-found') throw error
    // The first digits of one of our own leases will do.
    const own = tenant
      ? (await cloister.index.leases({ tenant, limit: 200 })).items.filter((lease) =>
          lease.lease.startsWith(`0x${text.replace(/^0x/, '')}`),
        )
      : []
    if (own.length === 1 && own[0]) return own[0]
    throw new CloisterError(
      'not-found',
      own.length > 1 ? `${key} is the beginning of ${own.length} leases.` : `There is no lease ${key}.`,
      {
        hint: { do: 'list-all-leases' },
        cause: error,
      },
    )
  }
}

/** The open lease of our own that is called so. Throws `which-lease` where the name is a group's. */
async function findOwn(cloister: Cloister, { name, replica }: LeaseName): Promise<LeaseRecord | undefined> {
  const found = await ownNamed(cloister, name)
  if (replica !== undefined) return found.find((lease) => lease.replica === replica)
  const own = found.find((lease) => lease.name === name) ?? found.at(-1)
  const members = found.filter(isMember)
  if (own?.replica !== undefined) throw severalMeant(name, members)
  return own
}

/**
 * The session about a lease: its id, short id or name. Throws `not-found`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * const { asTenant } = await leases.openSession(cloister, lease)
 * for await (const { container, text } of asTenant.logs(lease, { signal: AbortSignal.timeout(60_000) }))
 *   console.log(container, text)
 * ```
 */
export async function openSession(cloister: Cloister, key: string): Promise<Session> {
  return sessionOf(cloister, await findLease(cloister, key))
}

/**
 * What runs, what it cost so far and how long the money lasts; money as of the chain's newest block. Throws
 * `not-found`; a worker that doesn't answer is the state `unreachable`, with the reason as `problem`.
 * `lease`: its id, short id or name, or what the index said of it.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { state, secondsLeft, url } = await leases.status(cloister, 'my-app')
 * ```
 */
export async function status(cloister: Cloister, lease: string | LeaseRecord): Promise<LeaseStatus> {
  const record = typeof lease === 'string' ? await findLease(cloister, lease) : lease
  const { chain, network } = cloister
  const isOurs = cloister.wallet?.account.address === record.tenant
  const mayRun = record.closedAt === undefined
  // No answer waits for another. What is said of a lease that the chain calls closed counts for nothing.
  const [onChain, marketNotice, accrued, billing, block, said, found] = await Promise.all([
    getLease(chain, record.lease),
    getNoticeSeconds(chain),
    getAccrued(chain, record.lease).catch(() => 0n),
    getBilling(chain, record.worker),
    chain.client.getBlock(),
    mayRun && isOurs ? reportOf(cloister, record) : undefined,
    mayRun ? routesOf(cloister, record.lease).catch(() => []) : [],
  ])
  const isOpen = onChain.state === 'open'
  // Whoever pays for a lease by these must not be told them by an index.
  const { tenant, worker, token, ratePerSecond } = isOpen
    ? termsOf(network, onChain, record)
    : termsSaid(record)
  const { report, problem } = (isOpen ? said : undefined) ?? {}
  const routes = isOpen ? found : []
  const notice = isOpen ? onChain : record
  const balance = isOpen ? onChain.balance - accrued : 0n
  const spent = isOpen ? onChain.spent + accrued : BigInt(record.spent)
  const secondsLeft = isOpen ? Number(secondsAffordable(balance, onChain.ratePerSecond)) : 0
  const covered = billing.until > block.timestamp
  const end = isOpen ? Number(block.timestamp) : (record.closedAt ?? record.openedAt)
  const earnedSeconds =
    record.coveredSeconds + (isOpen ? Number(billing.coveredSeconds - BigInt(onChain.settledSeconds)) : 0)
  const uncoveredSeconds = Math.max(0, end - record.openedAt - earnedSeconds)
  return {
    lease: record.lease,
    shortId: shortId(record.lease),
    name: nameOf(record, isOpen),
    replica: record.replica,
    state: !isOpen ? 'closed' : !isOurs ? 'open' : (report?.state ?? 'unreachable'),
    attestation: attestationStateOf(network, covered),
    coveredUntil: Number(billing.until),
    uncoveredSeconds,
    uncoveredCost: BigInt(uncoveredSeconds) * ratePerSecond,
    noticeSeconds: noticeSecondsOf(notice, marketNotice),
    interruptible: isInterruptible(notice, marketNotice),
    noticeUntil: isOpen && onChain.noticeUntil > 0 ? onChain.noticeUntil : undefined,
    tenant,
    provider: record.provider,
    worker,
    token,
    symbol: network.tokens.find(({ address }) => address === token)?.symbol ?? '?',
    ratePerSecond,
    deposit: paidIn(record, onChain),
    spent,
    balance,
    refund: BigInt(record.refund),
    paidUntil: isOpen ? Number(block.timestamp) + secondsLeft : undefined,
    secondsLeft,
    manifestHash: isOpen ? onChain.manifestHash : record.manifestHash,
    failed: report?.failed,
    services: report?.services ?? [],
    domains: report?.domains ?? [],
    url: urlsOf(routes),
    routes,
    openedAt: record.openedAt,
    closedAt: record.closedAt,
    problem:
      problem ??
      (isOpen && !covered
        ? 'The worker is not covered just now, so the lease costs nothing and may not run.'
        : undefined),
  }
}

/** What a lease is called. */
function nameOf({ name, wishedName, replica }: LeaseRecord, isOpen: boolean): string | undefined {
  if (wishedName !== undefined && replica !== undefined) return writeLeaseName({ name: wishedName, replica })
  return name ?? (isOpen ? undefined : wishedName)
}

/** The worker's word on a lease, or why there is none. */
async function reportOf(
  cloister: Cloister,
  record: LeaseRecord,
): Promise<{ report?: LeaseReport; problem?: string }> {
  try {
    return { report: await sessionOf(cloister, record).worker.lease(record.lease) }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

/**
 * Addresses by service, as programs that don't resolve `*.localhost` can use them. A service with several
 * ports has the second and further ones as `service:port`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * console.log(leases.urlsOf(await leases.routesOf(cloister, lease))['web'])
 * ```
 */
export function urlsOf(routes: GatewayRoute[]): Record<string, string> {
  const urls: Record<string, string> = {}
  for (const route of routes)
    urls[route.service in urls ? `${route.service}:${route.port}` : route.service] =
      route.loopbackUrl ?? route.url
  return urls
}

/**
 * The public addresses of an open lease, from the gateway. Throws `unreachable` or `bad-answer`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * for (const { service, url } of await leases.routesOf(cloister, lease)) console.log(service, url)
 * ```
 */
export function routesOf({ network, send }: Cloister, lease: Hex): Promise<GatewayRoute[]> {
  return new GatewayClient(network.gatewayUrl, send).routes(lease)
}

type Terms = Pick<LeaseStatus, 'tenant' | 'worker' | 'token' | 'ratePerSecond'>

function termsOf({ tokens }: Cloister['network'], onChain: ChainLease, record: LeaseRecord): Terms {
  const { tenant, worker, tokenIndex, ratePerSecond } = onChain
  return { tenant, worker, token: tokens[tokenIndex]?.address ?? record.token, ratePerSecond }
}

function termsSaid({ tenant, worker, token, ratePerSecond }: LeaseRecord): Terms {
  return { tenant, worker, token, ratePerSecond: BigInt(ratePerSecond) }
}

function paidIn(record: LeaseRecord, onChain: ChainLease): bigint {
  return onChain.state === 'open' ? onChain.balance + onChain.spent : BigInt(record.deposit)
}
