import { openLease } from '@cloister/chain'
import {
  type AttestationState,
  CloisterError,
  type GatewayRoute,
  hashManifest,
  type Manifest,
  type Policy,
} from '@cloister/core'
import { type Envelope, missingSecrets } from '@cloister/secrets'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { type Bids, bids, type CheckedBid } from './bids.ts'
import { type AskedDeposit, depositFor, depositProblem, isUnexpected } from './deposit.ts'
import { giveUp } from './give-up.ts'
import { type Handed, handOver } from './hand-over.ts'
import { urlsOf } from './lease.ts'
import { requireMoney } from './money.ts'
import { untilReached } from './reach.ts'
import { checkContents, sayProgress } from './send.ts'
import { failedContainer, lastLinesOf, untilStarted } from './start.ts'

/** Steps of a deployment, in order. */
export const DEPLOY_STEPS = ['bids', 'evidence', 'transaction', 'manifest', 'start', 'address'] as const
export type DeployStep = (typeof DEPLOY_STEPS)[number]

export interface DeployParameters extends Handed {
  /** Bids as `bids` gave them; asked for if not given. */
  bids?: Bids
  /** The one to take; the cheapest if not given. Others are tried only then. */
  chosen?: CheckedBid
  pay: string
  maxRatePerSecond?: bigint | undefined
  provider?: Address | undefined
  policy?: Policy | undefined
  /**
   * Base units to put in: so many, and no bid that asks for more is taken; or what is reckoned from the bid
   * that is taken, and at least what that asks for.
   */
  deposit: AskedDeposit
  /**
   * Asked before another bid than the first is taken that costs more than it: by the second, or as a
   * deposit. Without it, it is taken. Asked, too, before any bid whose least deposit is unexpected
   * (`isUnexpected`), which isn't taken without it.
   */
  agree?: ((chosen: CheckedBid, deposit: bigint) => Promise<boolean>) | undefined
  name?: string | undefined
  /** Told when a step begins, and how it is going. */
  onStep?: (step: DeployStep, detail: string) => void
  /** Leave a lease open whose containers don't start. */
  keepFailed?: boolean
  /**
   * Milliseconds until everything has to be ready, images included; what the manifest's health checks allow
   * if not given.
   */
  timeoutMs?: number | undefined
}

export interface Deployed {
  lease: Hex
  provider: Address
  worker: Address
  token: Address
  ratePerSecond: bigint
  deposit: bigint
  /** By exposed service. */
  url: Record<string, string>
  routes: GatewayRoute[]
  manifestHash: Hex
  transaction: Hex
  /** Milliseconds by step. */
  timings: Record<DeployStep, number>
  attestation: AttestationState
}

/** Milliseconds by step, as they go by. */
class Timings {
  readonly spent: Record<DeployStep, number> = {
    bids: 0,
    evidence: 0,
    transaction: 0,
    manifest: 0,
    start: 0,
    address: 0,
  }
  private readonly onStep: (step: DeployStep, detail: string) => void

  constructor(onStep: (step: DeployStep, detail: string) => void = () => {}) {
    this.onStep = onStep
  }

  async take<T>(step: DeployStep, detail: string, action: () => Promise<T>): Promise<T> {
    this.onStep(step, detail)
    const begun = performance.now()
    try {
      return await action()
    } finally {
      this.spent[step] += Math.round(performance.now() - begun)
    }
  }
}

/**
 * From a manifest to a running service with an address, for one transaction. Where a worker's room has been
 * taken since the bid, or its evidence doesn't meet the policy, the next bid is tried; so it is where a
 * worker turns the lease down, and the refund is taken back. Throws `policy`, `no-bids`, `not-sent`,
 * `deposit-too-small`, `deposit-unexpected`, or `start-failed` once the lease is closed again.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { lease, url } = await leases.deploy(cloister, {
 *   manifest,
 *   pay: 'USDC',
 *   deposit: ({ bid }) => bid.ratePerSecond * 7200n,
 * })
 * console.log(lease, url['web'])
 * ```
 */
export async function deploy(cloister: Cloister, parameters: DeployParameters): Promise<Deployed> {
  const timings = new Timings(parameters.onStep)
  checkSecrets(parameters.manifest, parameters.envelope)
  checkContents(parameters.manifest, parameters.contents ?? [])
  const found =
    parameters.bids ??
    (await timings.take('bids', 'asking workers for bids', () => bids(cloister, parameters)))
  const candidates = parameters.chosen ? [parameters.chosen] : found.bids
  const [first] = candidates
  if (!first) throw noBids(found)
  let why: unknown
  for (const chosen of candidates) {
    const attempt = await attemptBid({ cloister, parameters, found, first, chosen, timings, why })
    if ('deployed' in attempt) return attempt.deployed
    why = attempt.passedOver
  }
  throw why
}

/** What came of one bid: a deployment, or why the next one may be tried. */
type Attempt = { deployed: Deployed } | { passedOver: unknown }

interface AttemptParts {
  cloister: Cloister
  parameters: DeployParameters
  found: Bids
  /** The bid that was tried first. */
  first: CheckedBid
  chosen: CheckedBid
  timings: Timings
  /** Why the bid before this one was passed over. */
  why: unknown
}

/** Takes one bid. Throws what no other bid would better. */
async function attemptBid(parts: AttemptParts): Promise<Attempt> {
  const { cloister, parameters, found, chosen, timings } = parts
  const deposit = depositFor(chosen, parameters.deposit)
  const problem = depositProblem(chosen, parameters.deposit, found.token, parameters.agree !== undefined)
  if (problem) return { passedOver: problem }
  const session = sessionOf(cloister, chosen.worker)
  try {
    await timings.take('evidence', 'checking the machine before money moves', () =>
      session.demand(found.order.policy, found.order.resources),
    )
  } catch (passedOver) {
    if (parameters.chosen) throw passedOver
    return { passedOver }
  }
  await requireAgreement(parts, deposit)
  await requireMoney(cloister, chosen.bid.token, deposit)
  let opened: Awaited<ReturnType<typeof openLease>>
  try {
    opened = await timings.take('transaction', 'opening the lease', () =>
      openLease(walletOf(cloister), chosen.bid, deposit, parameters.name),
    )
  } catch (passedOver) {
    const hasNoRoom = passedOver instanceof CloisterError && passedOver.details['error'] === 'NoRoom'
    if (parameters.chosen || !hasNoRoom) throw passedOver
    return { passedOver }
  }
  try {
    await timings.take('manifest', 'handing the manifest to the worker', () =>
      handOver(cloister, session.worker, opened.id, parameters, (progress) =>
        parameters.onStep?.('manifest', sayProgress(progress)),
      ),
    )
  } catch (passedOver) {
    if (passedOver instanceof CloisterError && passedOver.code === 'refused') return { passedOver }
    throw await giveUp(cloister, opened.id, passedOver, parameters.keepFailed)
  }
  return { deployed: await serve(parts, opened, deposit) }
}

/**
 * Throws `cancelled` where whoever deploys doesn't agree to a bid that costs more than was to be expected.
 */
async function requireAgreement(
  { parameters, found, first, chosen, why }: AttemptParts,
  deposit: bigint,
): Promise<void> {
  const isToAgree =
    chosen.bid.ratePerSecond > first.bid.ratePerSecond ||
    deposit > depositFor(first, parameters.deposit) ||
    isUnexpected(chosen, parameters.deposit, found.token)
  if (isToAgree && parameters.agree && !(await parameters.agree(chosen, deposit)))
    throw new CloisterError('cancelled', 'Nothing was opened.', { cause: why })
}

/**
 * From a manifest in a worker's hands to an address that answers. Closes the lease where it comes to
 * nothing.
 */
async function serve(
  { cloister, parameters, chosen, timings }: AttemptParts,
  { id, receipt }: Awaited<ReturnType<typeof openLease>>,
  deposit: bigint,
): Promise<Deployed> {
  const { manifest, onStep } = parameters
  const client = sessionOf(cloister, chosen.worker).worker
  try {
    await timings.take('start', 'starting', () =>
      untilStarted(client, id, parameters, (text) => onStep?.('start', text)),
    )
    const routes = await timings.take('address', 'waiting for the first answer', () =>
      untilReached(cloister, id, manifest),
    )
    return {
      lease: id,
      provider: chosen.worker.provider,
      worker: chosen.worker.worker,
      token: chosen.bid.token,
      ratePerSecond: chosen.bid.ratePerSecond,
      deposit,
      url: urlsOf(routes),
      routes,
      manifestHash: hashManifest(manifest),
      transaction: receipt.transactionHash,
      timings: timings.spent,
      attestation: chosen.worker.attestation,
    }
  } catch (error) {
    const container = failedContainer(error)
    // Closing may take its output with it.
    const last = container === undefined ? undefined : await lastLinesOf(client, id, container)
    throw await giveUp(cloister, id, error, parameters.keepFailed, last)
  }
}

/**
 * Throws `secrets-missing` naming sealed secrets that a manifest takes and nobody gives.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * leases.checkSecrets(manifest, undefined)
 * ```
 */
export function checkSecrets(manifest: Manifest, envelope: Envelope | undefined): void {
  const missing = missingSecrets(manifest, envelope)
  if (missing.length > 0)
    throw new CloisterError(
      'secrets-missing',
      `The file takes sealed secrets that are not given: ${missing.join(', ')}.`,
      {
        hint: { do: 'give-secrets' },
      },
    )
}

/**
 * Why nobody bid, as an error: `no-bids`, with each worker's reason under `declined` of its details.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const found = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * if (found.bids.length === 0) throw leases.noBids(found)
 * ```
 */
export function noBids({ declined }: Bids): CloisterError {
  const reasons = [...new Set(declined.map(({ reason }) => reason))].slice(0, 5).join(' ')
  return new CloisterError(
    'no-bids',
    declined.length === 0
      ? 'There is no covered worker to ask.'
      : `None of the ${declined.length} workers asked makes a bid: ${reasons}`,
    {
      hint: { do: 'list-workers' },
      details: { declined },
    },
  )
}
