import {
  closeLease,
  getCredit,
  getLease,
  openLease,
  type Returned,
  returnedBy,
  type Wallet,
  withdrawCredit,
} from '@cloister/chain'
import { GatewayClient, type WorkerClient } from '@cloister/client'
import {
  type AttestationState,
  CloisterError,
  type GatewayRoute,
  GrowingPause,
  type Hint,
  hashManifest,
  type Manifest,
  messageOf,
  type Policy,
  type RegistryLogin,
} from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { type Bids, bids, type CheckedBid } from './bids.ts'
import { type AskedDeposit, depositFor, depositProblem, isUnexpected } from './deposit.ts'
import { urlsOf } from './lease.ts'
import { requireMoney } from './money.ts'
import { failedContainer, type LastLines, lastLinesOf, untilStarted } from './start.ts'

/** Steps of a deployment, in order. */
export const DEPLOY_STEPS = ['bids', 'evidence', 'transaction', 'manifest', 'start', 'address'] as const
export type DeployStep = (typeof DEPLOY_STEPS)[number]

export interface DeployParameters {
  manifest: Manifest
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
  /** Sealed secrets that the manifest takes. */
  envelope?: Envelope | undefined
  /** Logins at the registries of its images. */
  logins?: readonly RegistryLogin[] | undefined
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

const ACCEPT_MS = 30_000
const ADDRESS_MS = 30_000

/**
 * From a manifest to a running service with an address, for one transaction. Where a worker's room has been
 * taken since the bid, or its evidence doesn't meet the policy, the next bid is tried; so it is where a
 * worker turns the lease down, and the refund is taken back. Throws `policy`, `no-bids`,
 * `deposit-too-small`, `deposit-unexpected`, or `start-failed` once the lease is closed again.
 */
export async function deploy(cloister: Cloister, parameters: DeployParameters): Promise<Deployed> {
  const { manifest, onStep = () => {} } = parameters
  const timings: Record<DeployStep, number> = {
    bids: 0,
    evidence: 0,
    transaction: 0,
    manifest: 0,
    start: 0,
    address: 0,
  }
  const timed = async <T>(step: DeployStep, detail: string, action: () => Promise<T>): Promise<T> => {
    onStep(step, detail)
    const begun = performance.now()
    try {
      return await action()
    } finally {
      timings[step] += Math.round(performance.now() - begun)
    }
  }
  checkSecrets(manifest, parameters.envelope)
  const found =
    parameters.bids ?? (await timed('bids', 'asking workers for bids', () => bids(cloister, parameters)))
  const candidates = parameters.chosen ? [parameters.chosen] : found.bids
  if (candidates.length === 0) throw noBids(found)
  let refusal: unknown
  const [first] = candidates
  const costsMore = ({ bid }: CheckedBid, deposit: bigint) =>
    first !== undefined &&
    (bid.ratePerSecond > first.bid.ratePerSecond || deposit > depositFor(first, parameters.deposit))
  for (const chosen of candidates) {
    const session = sessionOf(cloister, chosen.worker)
    const deposit = depositFor(chosen, parameters.deposit)
    const problem = depositProblem(chosen, parameters.deposit, found.token, parameters.agree !== undefined)
    if (problem) {
      refusal = problem
      continue
    }
    try {
      await timed('evidence', 'checking the machine before money moves', () =>
        session.demand(found.order.policy, found.order.resources),
      )
    } catch (error) {
      if (parameters.chosen) throw error
      refusal = error
      continue
    }
    const isToAgree = costsMore(chosen, deposit) || isUnexpected(chosen, parameters.deposit, found.token)
    if (isToAgree && parameters.agree && !(await parameters.agree(chosen, deposit)))
      throw new CloisterError('cancelled', 'Nothing was opened.', { cause: refusal })
    await requireMoney(cloister, chosen.bid.token, deposit)
    let opened: Awaited<ReturnType<typeof openLease>>
    try {
      opened = await timed('transaction', 'opening the lease', () =>
        openLease(walletOf(cloister), chosen.bid, deposit, parameters.name),
      )
    } catch (error) {
      if (parameters.chosen || !(error instanceof CloisterError) || error.details['error'] !== 'NoRoom')
        throw error
      refusal = error
      continue
    }
    const client = session.worker
    try {
      await timed('manifest', 'handing the manifest to the worker', () =>
        handOver(cloister, client, opened.id, parameters),
      )
    } catch (error) {
      if (!(error instanceof CloisterError) || error.code !== 'refused')
        throw await gaveUp(cloister, opened.id, error, parameters.keepFailed)
      refusal = error
      continue
    }
    try {
      await timed('start', 'starting', () =>
        untilStarted(client, opened.id, parameters, (text) => onStep('start', text)),
      )
      const routes = await timed('address', 'waiting for the first answer', () =>
        untilReached(cloister, opened.id, manifest),
      )
      return {
        lease: opened.id,
        provider: chosen.worker.provider,
        worker: chosen.worker.worker,
        token: chosen.bid.token,
        ratePerSecond: chosen.bid.ratePerSecond,
        deposit,
        url: urlsOf(routes),
        routes,
        manifestHash: hashManifest(manifest),
        transaction: opened.receipt.transactionHash,
        timings,
        attestation: chosen.worker.attestation,
      }
    } catch (error) {
      const container = failedContainer(error)
      // Closing may take its output with it.
      const last = container === undefined ? undefined : await lastLinesOf(client, opened.id, container)
      throw await gaveUp(cloister, opened.id, error, parameters.keepFailed, last)
    }
  }
  throw refusal
}

/** Throws `secrets-missing` naming sealed secrets that a manifest takes and nobody gives. */
export function checkSecrets(manifest: Manifest, envelope: Envelope | undefined): void {
  const wanted = Object.values(manifest.services).flatMap(({ sealed }) =>
    (sealed ?? []).map(({ name }) => name),
  )
  const missing = [...new Set(wanted)].filter((name) => !envelope?.names.includes(name))
  if (missing.length > 0)
    throw new CloisterError(
      'secrets-missing',
      `The file takes sealed secrets that are not given: ${missing.join(', ')}.`,
      {
        hint: { do: 'give-secrets' },
      },
    )
}

function whereTheRestIs({ credited }: Returned): string {
  if (credited === 0n) return 'The lease is closed and the rest of the deposit is back.'
  return 'The lease is closed. Its token does not move, so the rest of the deposit waits in the market for you to withdraw.'
}

function whatToDo({ message }: CloisterError): Hint {
  return { do: message.includes('asks for a login') ? 'log-in-to-registry' : 'deploy-again' }
}

/** Why nobody bid, as an error. */
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

/**
 * Gives the manifest to the worker, which may hear of the lease a moment after us. Throws `refused` once it
 * turned the lease down.
 */
async function handOver(
  cloister: Cloister,
  client: WorkerClient,
  lease: Hex,
  { manifest, envelope, logins }: Pick<DeployParameters, 'manifest' | 'envelope' | 'logins'>,
): Promise<void> {
  const until = Date.now() + ACCEPT_MS
  const pauses = new GrowingPause({ firstMs: 50, longestMs: 1_000 })
  for (;;) {
    try {
      if (logins) await client.putLogins(lease, logins)
      if (envelope) await client.putSecrets(lease, envelope)
      return await client.putManifest(lease, manifest)
    } catch (error) {
      const again =
        error instanceof CloisterError &&
        ['not-found', 'unreachable', 'chain-unreachable', 'internal', 'bad-answer'].includes(error.code)
      if (!again || Date.now() > until) throw error
      const wallet = walletOf(cloister)
      const { state, tokenIndex } = await getLease(wallet, lease)
      if (state === 'refused' || state === 'closed') {
        const token = cloister.network.tokens[tokenIndex]?.address
        const isBack = token === undefined || (await takeBack(wallet, token))
        const where = isBack
          ? 'The whole deposit is back.'
          : 'The deposit waits in the market for you to withdraw.'
        throw new CloisterError('refused', `The worker turned the lease down. ${where}`, {
          hint: { do: 'report-refusal', subject: lease },
          cause: error,
        })
      }
      await pauses.wait()
    }
  }
}

/** Withdraws what the account has as credit; false where the token doesn't move. */
async function takeBack(wallet: Wallet, token: Address): Promise<boolean> {
  const { address } = wallet.account
  if ((await getCredit(wallet, address, token)) === 0n) return true
  return withdrawCredit(wallet, token, address).then(
    () => true,
    () => false,
  )
}

/** Resolves when the gateway leads to the service. TCP ports are not tried. */
async function untilReached(cloister: Cloister, lease: Hex, manifest: Manifest): Promise<GatewayRoute[]> {
  const isPublic = Object.values(manifest.services).some((service) =>
    service.expose.some((port) => port.global),
  )
  if (!isPublic) return []
  const gateway = new GatewayClient(cloister.network.gatewayUrl, cloister.send)
  const until = Date.now() + ADDRESS_MS
  const pauses = new GrowingPause({ firstMs: 25, longestMs: 500, factor: 1.3 })
  for (;;) {
    try {
      const routes = await gateway.routes(lease)
      const front = routes.find((route) => route.protocol === 'http')
      if (!front) return routes
      if (await gateway.leadsTo(front, AbortSignal.timeout(5_000))) return routes
    } catch (error) {
      if (Date.now() > until)
        throw new CloisterError(
          'unreachable',
          `It runs, but the gateway does not lead to it: ${messageOf(error)}`,
          { cause: error },
        )
    }
    if (Date.now() > until) return gateway.routes(lease)
    await pauses.wait()
  }
}

/**
 * Closes a lease that came to nothing, so that it costs no more. `last`: what the container printed that the
 * error is about.
 */
async function gaveUp(
  cloister: Cloister,
  lease: Hex,
  error: unknown,
  keep = false,
  last?: LastLines,
): Promise<CloisterError> {
  const cause =
    error instanceof CloisterError
      ? error
      : new CloisterError('start-failed', messageOf(error), { cause: error })
  const details = { lease, ...(last && { last }) }
  const id = lease.slice(2, 18)
  if (keep) {
    const hint: Hint = { do: 'look-into-lease', subject: id }
    return new CloisterError(cause.code, cause.message, { hint, details, cause })
  }
  const wallet = walletOf(cloister)
  const closed = await closeLease(wallet, lease).then(
    (receipt) => returnedBy(wallet, receipt, lease),
    () => undefined,
  )
  return new CloisterError(cause.code, `${cause.message}${closed ? ` ${whereTheRestIs(closed)}` : ''}`, {
    hint: closed ? whatToDo(cause) : { do: 'close-lease', subject: id },
    details,
    cause,
  })
}
