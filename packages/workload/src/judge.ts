import type { Chain } from '@cloister/chain'
import { composeBundle, trustOf } from '@cloister/client'
import { CloisterError, defaultPolicy, fromBase64, purposeTypedData } from '@cloister/core'
import { type Demands, judge } from '@cloister/verify'
import { type Address, type Hex, recoverTypedDataAddress } from 'viem'
import { type WorkerEvidence, workloadFreshness } from './wire.ts'

/** A worker whose evidence holds. */
export interface JudgedWorker {
  worker: Address
  /** The guest's, as the chain names it. */
  measurement: Hex
  /** The machine is software, under a development network's root. */
  simulated: boolean
  /** One sentence for people who are no experts. */
  sentence: string
}

/**
 * Judges a quote over 32 bytes that another lease had its worker make: it has to be by that worker, for that
 * lease and for the manifest that it is supposed to run. `demands`: what else the machine has to be. Throws
 * `not-attested` with why.
 */
export async function judgeQuote(
  chain: Chain,
  from: { worker: Address; lease: Hex; manifestHash: Hex },
  evidence: WorkerEvidence,
  data: Hex,
  demands?: Demands,
): Promise<JudgedWorker> {
  if (evidence.worker !== from.worker)
    throw new CloisterError('not-attested', 'The quote is by another worker than the lease is on.')
  return judgeWorker(chain, evidence, workloadFreshness(from.lease, from.manifestHash, data), demands)
}

/**
 * Judges a worker by fresh evidence and by what the chain says of it now: genuine under the network's root,
 * TCB as a tenant would demand, a measurement that may earn, covered. `freshness`: what the quote has to
 * hold. `demands` come before the default ones. Throws `not-attested` with why.
 */
export async function judgeWorker(
  chain: Chain,
  { worker, signature, kind, tlsKeyHash, quote, eventLog, endorsements }: WorkerEvidence,
  freshness: Hex,
  { policy, facts = {} }: Demands = {},
): Promise<JudgedWorker> {
  const { network } = chain
  // Anybody may have a worker quote a number; that it means this, its key says.
  const signer = await recoverTypedDataAddress({
    ...purposeTypedData(freshness, network.chainId),
    signature,
  }).catch(() => undefined)
  if (signer !== worker)
    throw new CloisterError('not-attested', 'The worker’s key did not sign what the evidence is for.')
  const bundle = await composeBundle(chain, {
    worker,
    endpoint: '',
    kind,
    quote: fromBase64(quote),
    eventLog,
    tlsKeyHash,
    freshness: { kind: 'nonce', nonce: freshness },
    endorsements,
  })
  // Whose roots, and which measurements, is for governance to say, which lists them.
  const { tcb } = defaultPolicy(network.development)
  const { measurement, failures, simulated, sentence } = await judge(bundle, trustOf(network), {
    policy: { tcb, ...policy },
    facts,
  })
  if (measurement === undefined || failures.length > 0)
    throw new CloisterError('not-attested', failures[0] ?? 'The evidence is not genuine.')
  return { worker, measurement, simulated, sentence }
}
