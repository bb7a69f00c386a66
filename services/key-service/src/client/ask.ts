import { type Chain, getLease, type Seat } from '@cloister/chain'
import { askService, IndexClient, requireTls, verifySubject, workerOfRecord } from '@cloister/client'
import { CloisterError, defaultPolicy, type WorkerRecord } from '@cloister/core'
import { requireMet } from '@cloister/verify'
import type { Address, Hex } from 'viem'
import type * as z from 'zod'

const EVIDENCE_MS = 15_000

/** A request to an instance: `POST` where there is a body, `GET` otherwise. */
export interface Question<T extends z.ZodType> {
  path: string
  body?: unknown
  /** What the answer has to look like. */
  answer: T
}

/**
 * Asks an instance that nothing is known of, over the key that its worker attested: whatever comes back has
 * to prove itself. Throws what the instance's problem document says, `not-attested` for a worker without a
 * key, `forbidden-address`, `unreachable` or `bad-answer`.
 */
export async function askInstance<T extends z.ZodType>(
  chain: Chain,
  who: string,
  { worker, lease }: { worker: Address; lease: Hex },
  question: Question<T>,
): Promise<z.infer<T>> {
  return askOver(chain, who, lease, await recordOf(chain, worker), question)
}

/**
 * Asks a seat whose answer is believed: first its worker quotes a number of ours, and its machine,
 * guest and manifest have to be what the chain says that a seat is. Throws what `askInstance` throws, and
 * `policy` or `not-attested` for a machine that isn't to be believed.
 */
export async function askJudgedSeat<T extends z.ZodType>(
  chain: Chain,
  seat: Seat,
  question: Question<T>,
): Promise<z.infer<T>> {
  const record = await recordOf(chain, seat.worker)
  const { tenant } = await getLease(chain, seat.lease)
  const { bundle, verdict } = await verifySubject(
    chain,
    { ...record, lease: { lease: seat.lease, tenant } },
    { fresh: true, signal: AbortSignal.timeout(EVIDENCE_MS) },
    // The quote is of this moment and the worker is covered: how long ago it last told the chain makes it no
    // worse.
    { policy: defaultPolicy(chain.network.development), facts: { attestedSecondsAgo: 0 } },
  )
  requireMet(verdict)
  if (bundle.lease?.statement?.manifestHash !== seat.manifestHash)
    throw new CloisterError(
      'not-attested',
      `It runs another manifest than the key service’s, ${seat.manifestHash.slice(0, 10)}….`,
    )
  return askOver(chain, `Seat ${seat.index}`, seat.lease, record, question)
}

/** The index names an address and a TLS key; the worker itself is the one that was asked for. */
async function recordOf({ network }: Chain, worker: Address): Promise<WorkerRecord> {
  return { ...(await new IndexClient(network.indexerUrl).worker(worker)), worker }
}

async function askOver<T extends z.ZodType>(
  { network }: Chain,
  who: string,
  lease: Hex,
  record: WorkerRecord,
  { path, body, answer }: Question<T>,
): Promise<z.infer<T>> {
  requireTls(network, record.endpoint)
  const worker = workerOfRecord(network, record)
  const request = { path, ...(body !== undefined && { method: 'POST' as const, body: JSON.stringify(body) }) }
  return askService(who, worker, lease, request, answer)
}
