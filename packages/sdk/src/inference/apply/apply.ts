import { endOffer, isSending } from '@cloister/chain'
import { CloisterError, GrowingPause, messageOf } from '@cloister/core'
import { inferenceManifest } from '@cloister/inference/protocol'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../../cloister.ts'
import { close, topUp } from '../../leases/close.ts'
import { deploy as deployLease, noBids } from '../../leases/deploy.ts'
import { resize } from '../../leases/resize.ts'
import { update } from '../../leases/update.ts'
import { offer } from '../deploy.ts'
import {
  aheadOf,
  bidsFor,
  type EndpointStep,
  type ModelsPlan,
  type PlannedEndpoint,
  plan as planAnew,
} from './plan.ts'
import type { WantedEndpoint } from './wanted.ts'

/** What came of the plan for one name. */
export interface AppliedEndpoint {
  name: string
  /** The lease that serves it, or served it. */
  lease: Hex | undefined
  /** What was done, in order. */
  done: EndpointStep['do'][]
  /** Why the rest was not. */
  error: CloisterError | undefined
}

export interface ApplyOptions {
  /** Told when a step begins, and how it is going. */
  onStep?: ((name: string, step: EndpointStep['do'], detail: string) => void) | undefined
}

const SENDING_MS = 120_000

/**
 * Does what a plan says, one name after the other; what goes wrong with one holds no other up. Looks anew
 * first: what has been done since is not done again, and of a name of which more would have to be done now
 * than was planned, nothing is done (`stale`), so no more is opened, closed or paid than was agreed to.
 * Killed between any two steps, the next plan goes on from there. Throws what `plan` throws, and
 * `already-running` where the account's transactions don't get through.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const options = models.checkOptions(JSON.parse(text))
 * const plan = await models.plan(cloister, [{ name: 'mine', options, pay: 'USDC', aheadSeconds: 86_400 }])
 * for (const { name, error } of await models.apply(cloister, plan)) console.log(name, error?.message)
 * ```
 */
export async function apply(
  cloister: Cloister,
  { endpoints, prune }: ModelsPlan,
  { onStep = () => {} }: ApplyOptions = {},
): Promise<AppliedEndpoint[]> {
  const planned = endpoints.filter(({ steps }) => steps.length > 0)
  if (planned.length === 0) return []
  // A lease that was being opened when whoever opened it was killed may be in no block yet.
  await untilSent(cloister)
  const wanted = endpoints.flatMap((endpoint) => endpoint.wanted ?? [])
  const now = await planAnew(cloister, wanted, { prune })
  const applied: AppliedEndpoint[] = []
  for (const before of planned) {
    const ids = new Set(leasesOf(before))
    const after = now.endpoints.filter(
      ({ name, wanted: isWanted, found }) =>
        name === before.name && (isWanted !== undefined || (found !== undefined && ids.has(found.lease))),
    )
    for (const endpoint of after) applied.push(await applyOne(cloister, before, endpoint, onStep))
  }
  return applied
}

async function applyOne(
  cloister: Cloister,
  before: PlannedEndpoint,
  { name, wanted, found, steps }: PlannedEndpoint,
  onStep: NonNullable<ApplyOptions['onStep']>,
): Promise<AppliedEndpoint> {
  const applied: AppliedEndpoint = { name, lease: found?.lease, done: [], error: undefined }
  try {
    requirePlanned(before, steps)
    for (const step of steps) {
      const tell = (detail: string) => onStep(name, step.do, detail)
      tell('')
      if (step.do === 'open') applied.lease = await open(cloister, demanded(wanted), before, tell)
      else await carryOut(cloister, wanted, step, applied.lease, tell)
      applied.done.push(step.do)
    }
  } catch (error) {
    applied.error =
      error instanceof CloisterError
        ? error
        : new CloisterError('internal', messageOf(error), { cause: error })
  }
  return applied
}

async function carryOut(
  cloister: Cloister,
  wanted: WantedEndpoint | undefined,
  step: Exclude<EndpointStep, { do: 'open' }>,
  serving: Hex | undefined,
  onStep: (detail: string) => void,
): Promise<void> {
  if (step.do === 'end-offer') return endOffer(walletOf(cloister), step.lease)
  if (step.do === 'close') return void (await close(cloister, step.lease))
  if (step.do === 'top-up') return void (await topUp(cloister, step.lease, step.amount))
  const { options, offer: asking, contents, policy, maxRatePerSecond } = demanded(wanted)
  if (step.do === 'offer') {
    const lease = step.lease ?? serving
    if (lease && asking) await offer(cloister, lease, options, asking)
    return
  }
  const manifest = inferenceManifest(options)
  if (step.do === 'update') await update(cloister, step.lease, manifest, { contents, policy, onStep })
  else await resize(cloister, step.lease, manifest, { contents, policy, maxRatePerSecond, onStep })
}

/** Opens a lease at the price of the bid that was planned with, at most. */
async function open(
  cloister: Cloister,
  wanted: WantedEndpoint,
  { steps, problem }: PlannedEndpoint,
  tell: (detail: string) => void,
): Promise<Hex> {
  const planned = steps.find((step) => step.do === 'open')?.bid
  if (!planned) throw new CloisterError('no-bids', problem ?? 'Nobody made a bid when it was planned.')
  const maxRatePerSecond = planned.ratePerSecond
  const found = await bidsFor(cloister, { ...wanted, maxRatePerSecond })
  if (found.bids.length === 0) throw noBids(found)
  const { name, options, contents, pay, policy } = wanted
  const { lease } = await deployLease(cloister, {
    manifest: inferenceManifest(options),
    contents: contents ?? [],
    bids: found,
    pay,
    policy,
    deposit: ({ bid }) => bid.ratePerSecond * aheadOf(wanted),
    name,
    onStep: (_, detail) => tell(detail),
  })
  return lease
}

/** Throws `stale` where there is something to do that wasn't planned. */
function requirePlanned(before: PlannedEndpoint, steps: readonly EndpointStep[]): void {
  const planned = new Set(before.steps.map(nameOf))
  const other = steps.find((step) => !planned.has(nameOf(step)))
  if (!other) return
  throw new CloisterError(
    'stale',
    `Things have changed since it was planned: now there is to ${other.do} for ${before.name}.`,
    { hint: 'Plan anew.' },
  )
}

/** What a step is, and of which lease; an offer of a lease that was planned to be opened is any one's. */
function nameOf(step: EndpointStep): string {
  return step.do === 'open' || step.do === 'offer' ? step.do : `${step.do} ${step.lease}`
}

function leasesOf({ found, steps }: PlannedEndpoint): Hex[] {
  return [found?.lease, ...steps.map((step) => (step.do === 'open' ? undefined : step.lease))].filter(
    (lease) => lease !== undefined,
  )
}

function demanded(wanted: WantedEndpoint | undefined): WantedEndpoint {
  if (wanted) return wanted
  throw new CloisterError('internal', 'There is something to run, and nothing that says what.')
}

async function untilSent(cloister: Cloister): Promise<void> {
  const { account } = walletOf(cloister)
  const until = Date.now() + SENDING_MS
  const pauses = new GrowingPause({ firstMs: 100, longestMs: 2_000 })
  while (await isSending(cloister.chain, account.address)) {
    if (Date.now() > until)
      throw new CloisterError(
        'already-running',
        `A transaction of the account ${account.address} is in no block yet.`,
        { hint: 'Wait for it: it may open what would be opened twice.' },
      )
    await pauses.wait()
  }
}
