import { findToken } from '@cloister/chain'
import {
  canonicalHash,
  fits,
  hashManifest,
  type Manifest,
  messageOf,
  resourcesOf,
  toCanonicalJson,
} from '@cloister/core'
import { inferenceManifest } from '@cloister/inference/protocol'
import { type Address, getAddress, type Hex, isAddress, isAddressEqual } from 'viem'
import { type Cloister, walletOf } from '../../cloister.ts'
import { type Bids, bids } from '../../leases/bids.ts'
import { noBids } from '../../leases/deploy.ts'
import { depositFor } from '../../leases/deposit.ts'
import { type FoundEndpoint, findEndpoints } from './found.ts'
import { checkWanted, type WantedEndpoint } from './wanted.ts'

/** One thing to do. Money in base units of `token`. */
export type EndpointStep =
  /** Lease a worker and have it run the endpoint. Without a bid where nobody makes one now. */
  | {
      do: 'open'
      bid: { worker: Address; ratePerSecond: bigint; deposit: bigint; token: Address } | undefined
    }
  /** Pay into the lease. */
  | { do: 'top-up'; lease: Hex; amount: bigint; token: Address }
  /** Have the lease run what is wanted: another manifest, or the same where the worker doesn't run it. */
  | { do: 'update'; lease: Hex }
  /** The same, with another size. */
  | { do: 'resize'; lease: Hex }
  /** Offer it at the price that is wanted, in place of what is offered now. */
  | { do: 'offer'; lease: Hex | undefined }
  | { do: 'end-offer'; lease: Hex }
  | { do: 'close'; lease: Hex }

/** What is to be done about one name. */
export interface PlannedEndpoint {
  name: string
  /** Undefined where none of that name is wanted. */
  wanted: WantedEndpoint | undefined
  /** The lease that stays, or that none is wanted of. */
  found: FoundEndpoint | undefined
  /** In order; none where all is as it shall be. */
  steps: EndpointStep[]
  /** What nobody can do anything about here: a worker that doesn't answer, one that gave notice, no bids. */
  problem: string | undefined
}

export interface ModelsPlan {
  endpoints: PlannedEndpoint[]
  /** Whether leases are closed of which nothing is wanted. */
  prune: boolean
}

export interface PlanOptions {
  /** Close leases that offered a model and aren't wanted, beside ending their offers. */
  prune?: boolean | undefined
}

/**
 * What it takes to have the account's models be what is wanted: asks chain and workers what is, and workers
 * for bids, and changes nothing. Endpoints are found by the names of their leases. A lease that has a name,
 * ever offered a model, and isn't wanted, loses its offer. Throws `bad-config`, `bad-name`, `unknown-token`,
 * `not-sent`, `no-wallet`, `chain-unreachable`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const options = models.checkOptions(JSON.parse(text))
 * const offer = { token: 'USDC', input: 100_000n, cached: 50_000n, output: 400_000n }
 * const wanted = [{ name: 'my-model', options, offer, pay: 'USDC', aheadSeconds: 604_800 }]
 * const { endpoints } = await models.plan(cloister, wanted)
 * for (const { name, steps } of endpoints) console.log(name, steps)
 * ```
 */
export async function plan(
  cloister: Cloister,
  wanted: readonly WantedEndpoint[],
  { prune = false }: PlanOptions = {},
): Promise<ModelsPlan> {
  checkWanted(cloister, wanted)
  const found = await findEndpoints(cloister, new Set(wanted.map(({ name }) => name)))
  const named = (wished: string) => found.filter(({ name }) => name === wished)
  const unwanted = found.filter(({ name }) => !wanted.some((endpoint) => endpoint.name === name))
  const endpoints = await Promise.all(
    wanted.map((endpoint) => planWanted(cloister, endpoint, named(endpoint.name))),
  )
  for (const endpoint of unwanted) endpoints.push(planUnwanted(endpoint, prune))
  return { endpoints, prune }
}

async function planWanted(
  cloister: Cloister,
  wanted: WantedEndpoint,
  leases: readonly FoundEndpoint[],
): Promise<PlannedEndpoint> {
  const { name } = wanted
  const manifest = inferenceManifest(wanted.options)
  const hash = hashManifest(manifest)
  const stays = leases
    .filter((lease) => isWhere(cloister, wanted, lease))
    .sort((one, other) => rankOf(other, hash) - rankOf(one, hash))[0]
  // The others go last, when what takes their place serves.
  const ending = leases.filter((lease) => lease !== stays).flatMap((lease) => endingOf(lease))
  if (!stays) {
    const { bid, problem } = await bidFor(cloister, wanted)
    const steps: EndpointStep[] = [{ do: 'open', bid }]
    if (wanted.offer) steps.push({ do: 'offer', lease: undefined })
    return { name, wanted, found: leases[0], steps: [...steps, ...ending], problem }
  }
  const { lease } = stays
  const steps: EndpointStep[] = [...toppingUp(stays, wanted)]
  if (stays.manifestHash !== hash)
    steps.push({ do: isOtherSize(stays, manifest) ? 'resize' : 'update', lease })
  else if (stays.runs === false) steps.push({ do: 'update', lease })
  if (wanted.offer && !isOffered(cloister, wanted, stays)) steps.push({ do: 'offer', lease })
  if (!wanted.offer && stays.offer) steps.push({ do: 'end-offer', lease })
  return { name, wanted, found: stays, steps: [...steps, ...ending], problem: problemOf(stays) }
}

function planUnwanted(found: FoundEndpoint, prune: boolean): PlannedEndpoint {
  const steps = endingOf(found).filter((step) => prune || step.do === 'end-offer')
  return { name: found.name, wanted: undefined, found, steps, problem: undefined }
}

function endingOf({ lease, offer }: FoundEndpoint): EndpointStep[] {
  return [...(offer ? [{ do: 'end-offer', lease } as const] : []), { do: 'close', lease }]
}

/** Whether a lease is on a worker, and paid in a token, that will do. One that can't be told of stays. */
function isWhere(
  cloister: Cloister,
  { worker: wanted, pay }: WantedEndpoint,
  { worker, provider, workerName, token }: FoundEndpoint,
): boolean {
  if (!isAddressEqual(token, findToken(cloister.network, pay).address)) return false
  if (wanted === undefined) return true
  if (isAddress(wanted, { strict: false }))
    return isAddressEqual(wanted, worker) || isAddressEqual(wanted, provider)
  if (!isAddressEqual(provider, walletOf(cloister).account.address)) return false
  return workerName === undefined || workerName === wanted
}

/** Of several leases of a name, that which runs what is wanted stays, and that which is offered. */
function rankOf({ manifestHash, runs, offer }: FoundEndpoint, hash: Hex): number {
  return (manifestHash === hash ? 4 : 0) + (runs ? 2 : 0) + (offer ? 1 : 0)
}

function isOtherSize({ running, size }: FoundEndpoint, manifest: Manifest): boolean {
  const resources = resourcesOf(manifest)
  if (running) return canonicalHash(resourcesOf(running)) !== canonicalHash(resources)
  return size !== undefined && !fits(resources, size)
}

function isOffered(cloister: Cloister, { options, offer }: WantedEndpoint, { offer: is }: FoundEndpoint) {
  if (!is || !offer) return false
  const { token, payee = walletOf(cloister).account.address, input, cached, output } = offer
  return (
    isAddressEqual(is.token, findToken(cloister.network, token).address) &&
    isAddressEqual(is.payee, payee) &&
    is.input === input &&
    is.cached === cached &&
    is.output === output &&
    is.model === options.model &&
    is.options === toCanonicalJson(options)
  )
}

/** Paid again at half, so that what was paid a moment ago isn't paid again for the seconds since. */
function toppingUp(
  { lease, token, ratePerSecond, secondsLeft }: FoundEndpoint,
  { aheadSeconds }: WantedEndpoint,
): EndpointStep[] {
  if (secondsLeft * 2 >= aheadSeconds) return []
  return [
    { do: 'top-up', lease, token, amount: BigInt(Math.ceil(aheadSeconds - secondsLeft)) * ratePerSecond },
  ]
}

function problemOf({ problem, noticeUntil }: FoundEndpoint): string | undefined {
  if (noticeUntil === undefined) return problem
  return `Its provider may close it from ${new Date(noticeUntil * 1000).toISOString()} on.`
}

/** The cheapest bid that will do, or why there is none. */
async function bidFor(cloister: Cloister, wanted: WantedEndpoint) {
  try {
    const found = await bidsFor(cloister, wanted)
    const [best] = found.bids
    if (!best) throw noBids(found)
    const { worker, ratePerSecond, token } = best.bid
    const deposit = depositFor(best, ({ bid }) => bid.ratePerSecond * aheadOf(wanted))
    return { bid: { worker, ratePerSecond, token, deposit }, problem: undefined }
  } catch (error) {
    return { bid: undefined, problem: messageOf(error) }
  }
}

/** Whole seconds that a lease is opened with. */
export function aheadOf({ aheadSeconds }: WantedEndpoint): bigint {
  return BigInt(Math.ceil(aheadSeconds))
}

/** Bids of workers where an endpoint may run, the cheapest first; at `maxRatePerSecond` at most. */
export async function bidsFor(
  cloister: Cloister,
  { options, pay, worker, policy, maxRatePerSecond }: WantedEndpoint,
): Promise<Bids> {
  const manifest = inferenceManifest(options)
  const asked = { manifest, pay, policy, maxRatePerSecond }
  if (worker === undefined) return bids(cloister, asked)
  if (isAddress(worker, { strict: false })) return bids(cloister, { ...asked, provider: getAddress(worker) })
  const found = await bids(cloister, { ...asked, provider: walletOf(cloister).account.address })
  return { ...found, bids: found.bids.filter(({ report }) => report.name === worker) }
}
