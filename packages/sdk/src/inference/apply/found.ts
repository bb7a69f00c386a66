import {
  getAccrued,
  getLease,
  getLeasesOpenedBy,
  getOfferOf,
  getOffersOf,
  type OfferAnnounced,
  type OpenedLease,
} from '@cloister/chain'
import { hashManifest, type LeaseReport, type Manifest, messageOf, secondsAffordable } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../../cloister.ts'
import { sessionOf } from '../../session.ts'

/** An open lease of the account's that may serve a model, as it is now. */
export interface FoundEndpoint {
  lease: Hex
  name: string
  worker: Address
  provider: Address
  /** What its worker calls itself; undefined where that can't be had. */
  workerName: string | undefined
  token: Address
  /** Base units of `token`. */
  ratePerSecond: bigint
  /** How long its money lasts while the worker is covered. */
  secondsLeft: number
  /** What it is to run, by the chain. */
  manifestHash: Hex
  /** What its worker runs, by its own word. */
  running: Manifest | undefined
  /** What its containers may take together, by the worker's word. */
  size: LeaseReport['size']
  /** Whether its worker runs `manifestHash`, by its own word; undefined where it doesn't answer. */
  runs: boolean | undefined
  /** The offer that stands, with JSON of the options. */
  offer: OfferAnnounced | undefined
  /** When its provider may close it, Unix seconds; undefined without notice. */
  noticeUntil: number | undefined
  /** Why the worker's part is missing, or what it says that is wrong. */
  problem: string | undefined
}

const REPORT_MS = 10_000

/**
 * Open leases of the account's that are named as one of `names`, or ever offered a model, the earliest first.
 * The chain says which there are, so that one that was opened a moment ago is among them. Leases without a
 * name, and replicas of groups, are nobody's here. Throws `no-wallet`, `chain-unreachable`.
 */
export async function findEndpoints(
  cloister: Cloister,
  names: ReadonlySet<string>,
): Promise<FoundEndpoint[]> {
  const wallet = walletOf(cloister)
  const opened = (await getLeasesOpenedBy(wallet, wallet.account.address)).flatMap(({ name, ...lease }) =>
    name && name.replica === undefined ? [{ ...lease, name: name.name }] : [],
  )
  if (opened.length === 0) return []
  const offers = await getOffersOf(
    wallet,
    opened.map(({ lease }) => lease),
  )
  const offering = new Set(offers.map(({ lease }) => lease))
  const candidates = opened.filter(({ lease, name }) => names.has(name) || offering.has(lease))
  const found = await Promise.all(candidates.map((lease) => look(cloister, lease, offers)))
  return found.filter((endpoint) => endpoint !== undefined)
}

/** An opened lease as it is now; undefined where it is open no more. */
async function look(
  cloister: Cloister,
  { lease, name, provider }: Omit<OpenedLease, 'name'> & { name: string },
  offers: readonly OfferAnnounced[],
): Promise<FoundEndpoint | undefined> {
  const { chain, network } = cloister
  const [onChain, accrued, standing] = await Promise.all([
    getLease(chain, lease),
    getAccrued(chain, lease),
    getOfferOf(chain, lease),
  ])
  const token = network.tokens[onChain.tokenIndex]?.address
  if (onChain.state !== 'open' || !token) return undefined
  const { worker, ratePerSecond, manifestHash, noticeUntil } = onChain
  const balance = onChain.balance > accrued ? onChain.balance - accrued : 0n
  return {
    lease,
    name,
    worker,
    provider,
    token,
    ratePerSecond,
    secondsLeft: Number(secondsAffordable(balance, ratePerSecond)),
    manifestHash,
    offer: offers.find(({ id }) => id === standing),
    noticeUntil: noticeUntil > 0 ? noticeUntil : undefined,
    ...(await saidBy(cloister, { lease, worker, tenant: onChain.tenant, manifestHash })),
  }
}

type Said = Pick<FoundEndpoint, 'workerName' | 'running' | 'size' | 'runs' | 'problem'>

/** What a lease's worker says of itself and of the lease. */
async function saidBy(
  cloister: Cloister,
  { manifestHash, ...about }: { lease: Hex; worker: Address; tenant: Address; manifestHash: Hex },
): Promise<Said> {
  try {
    const { provider, endpoint, tlsKeyHash } = await cloister.index.worker(about.worker)
    const client = sessionOf(cloister, { ...about, provider, endpoint, tlsKeyHash }).asTenant
    const { name } = await client.report(AbortSignal.timeout(REPORT_MS))
    const { state, failed, size, manifestHash: running } = await client.lease(about.lease)
    const manifest = running === undefined ? undefined : await client.manifest(about.lease)
    return {
      workerName: name,
      running: manifest && hashManifest(manifest) === running ? manifest : undefined,
      size,
      runs: running === manifestHash,
      problem: state === 'failed' ? (failed?.reason ?? 'Its containers failed.') : undefined,
    }
  } catch (error) {
    const problem = messageOf(error)
    return { workerName: undefined, running: undefined, size: undefined, runs: undefined, problem }
  }
}
