import { getLease } from '@cloister/chain'
import { type Subject, verifySubject } from '@cloister/client'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { Cloister } from '../cloister.ts'

const EVIDENCE_MS = 15_000
const found = new WeakMap<Cloister, Map<string, Promise<Hex>>>()

/**
 * The TLS key of a worker, out of evidence that was checked now; once per connection to a network. `lease`:
 * the worker has to be the one that this lease is on. Throws `not-attested` with the verdict's sentence
 * where the evidence is not genuine.
 */
export function attestedKeyOf(cloister: Cloister, subject: Subject, lease?: Hex): Promise<Hex> {
  const known = found.get(cloister) ?? new Map<string, Promise<Hex>>()
  found.set(cloister, known)
  const name = `${subject.worker} ${subject.endpoint} ${lease ?? ''}`
  let key = known.get(name)
  if (!key) {
    key = check(cloister, subject, lease)
    key.catch(() => known.delete(name))
    known.set(name, key)
  }
  return key
}

async function check(cloister: Cloister, subject: Subject, lease: Hex | undefined): Promise<Hex> {
  // Which worker a lease is on is the chain's to say.
  const onChain = lease && (await getLease(cloister.chain, lease))
  if (onChain && onChain.worker !== subject.worker)
    throw new CloisterError(
      'not-attested',
      `The index says that the lease is on the worker ${subject.worker}; the chain says ${onChain.worker}.`,
    )
  const { bundle, verdict } = await verifySubject(cloister.chain, subject, {
    fresh: true,
    signal: AbortSignal.timeout(EVIDENCE_MS),
  })
  if (!verdict.genuine)
    throw new CloisterError(
      'not-attested',
      `The worker ${subject.worker} is not to be trusted: ${verdict.problems[0]?.message ?? 'its evidence is not genuine.'}`,
      {
        hint: { do: 'verify-worker', subject: subject.worker },
      },
    )
  return bundle.evidence.tlsKeyHash
}
