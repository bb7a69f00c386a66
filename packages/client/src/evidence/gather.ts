import { type Chain, getLease } from '@cloister/chain'
import { CloisterError, type EvidenceReport, fromBase64, type LeaseRecord } from '@cloister/core'
import type { Send } from '@cloister/transport/web'
import { claimsOf, type EvidenceBundle } from '@cloister/verify'
import { type Address, bytesToHex, type Hex } from 'viem'
import { endorsementsFor } from '../vendors/endorsements.ts'
import type { WorkerClient } from '../worker/client.ts'
import { workerOfRecord } from '../worker/record.ts'
import { requireTls } from '../worker/require-tls.ts'
import { composeBundle } from './compose.ts'
import { fetchLabels } from './labels.ts'

/** Whom to gather evidence about. */
export interface Subject {
  worker: Address
  endpoint: string
  /** As the chain's events have it; for `https:` endpoints. */
  tlsKeyHash?: Hex | undefined
  /** Also what runs for this lease. */
  lease?: Pick<LeaseRecord, 'lease' | 'tenant'>
}

export interface GatherOptions {
  /**
   * Ask for a quote over a number of our own, made this moment; otherwise the one last handed in on chain
   * will do.
   */
  fresh: boolean
  signal?: AbortSignal
  /** What speaks to the worker already, held to the subject's own `tlsKeyHash`. */
  client?: Pick<WorkerClient, 'evidence' | 'statement'>
  /** How the network's services are asked for endorsements and labels; the global `fetch`, if not given. */
  send?: Send
}

/**
 * Puts together everything needed to check a worker, and what it runs, without asking anybody again. Nothing
 * is judged here. Throws `unreachable`, `bad-answer`, `no-endorsements`, `bad-evidence`, or `not-running` for
 * a closed lease.
 */
export async function gatherEvidence(
  chain: Chain,
  subject: Subject,
  { fresh, signal, client = workerOfRecord(chain.network, subject), send }: GatherOptions,
): Promise<EvidenceBundle> {
  const { network } = chain
  requireTls(network, subject.endpoint)
  const nonce = fresh ? bytesToHex(crypto.getRandomValues(new Uint8Array(32))) : undefined
  const [report, onChain, statement] = await Promise.all([
    client.evidence(nonce, signal),
    subject.lease && getLease(chain, subject.lease.lease),
    subject.lease && client.statement(subject.lease.lease, signal).catch(notThere),
  ])
  if (onChain && onChain.state !== 'open')
    throw new CloisterError('not-running', 'The lease is closed, so nothing runs for it.', {
      hint: { do: 'check-kept-evidence' },
    })
  if (onChain && onChain.worker !== subject.worker)
    throw new CloisterError(
      'bad-evidence',
      `The index says that the lease is on the worker ${subject.worker}; the chain says ${onChain.worker}.`,
    )
  // Whatever key the connection is held to, the evidence has to name it.
  checkAnswer(report, nonce, subject)
  const quote = fromBase64(report.quote)
  const { worker, endpoint } = subject
  const { kind } = report
  const endorsements = endorsementsFor(network, { kind, quote, endorsements: report.endorsements }, send)
  const { eventLog, tlsKeyHash, freshness } = report
  const [composed, labels] = await Promise.all([
    composeBundle(chain, { worker, endpoint, kind, quote, eventLog, tlsKeyHash, freshness, endorsements }),
    claimsOf(kind, quote).then(({ platform }) => fetchLabels(network, platform, { signal, send })),
  ])
  const bundle = { ...composed, ...(labels.length > 0 && { labels }) }
  if (!subject.lease || !onChain) return bundle
  return {
    ...bundle,
    lease: {
      id: subject.lease.lease,
      tenant: onChain.tenant,
      manifestHash: onChain.manifestHash,
      ...(statement && { statement: { ...statement, signature: statement.signature as Hex } }),
    },
  }
}

function checkAnswer(
  { freshness, tlsKeyHash }: EvidenceReport,
  nonce: Hex | undefined,
  { endpoint, tlsKeyHash: spokenTo }: Subject,
): void {
  if (endpoint.startsWith('https:') && tlsKeyHash !== spokenTo)
    throw new CloisterError(
      'bad-evidence',
      'The worker’s evidence names another TLS key than the one it is served with.',
    )
  const asked =
    nonce === undefined ? freshness.kind === 'block' : freshness.kind === 'nonce' && freshness.nonce === nonce
  if (!asked)
    throw new CloisterError('bad-evidence', 'The worker answered with evidence for another question.')
}

/** A lease that isn't running has no statement; anything else that is wrong is. */
function notThere(error: unknown): undefined {
  if (error instanceof CloisterError && error.code === 'not-found') return undefined
  throw error
}
