import { randomBytes } from 'node:crypto'
import { type EvidenceBundle, platformFamily } from '@cloister/attest'
import { getBilling, getLease, getRoles } from '@cloister/chain'
import { CloisterError, type EvidenceReport, type LeaseRecord } from '@cloister/core'
import { type Address, bytesToHex, type Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { workerOfRecord } from '../worker/record.ts'
import { requireTls } from '../worker/require-tls.ts'
import { collateralFor } from './collateral.ts'

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
  /** Ask for a quote over a number of our own, made this moment; otherwise the one last handed in on chain will do. */
  fresh: boolean
  signal?: AbortSignal
}

/**
 * Puts together everything needed to check a worker, and what it runs, without asking anybody again. Nothing is judged here.
 * Throws `unreachable`, `bad-answer`, `no-collateral`, `bad-evidence`, or `not-running` for a closed lease.
 */
export async function gatherEvidence(cloister: Cloister, subject: Subject, { fresh, signal }: GatherOptions): Promise<EvidenceBundle> {
  const { chain, network } = cloister
  requireTls(network, subject.endpoint)
  // Whatever key the connection is held to, the evidence has to name it.
  const client = workerOfRecord(subject)
  const nonce = fresh ? bytesToHex(randomBytes(32)) : undefined
  const [report, billing, block, onChain, statement] = await Promise.all([
    client.evidence(nonce, signal),
    getBilling(chain, subject.worker),
    chain.client.getBlock(),
    subject.lease && getLease(chain, subject.lease.lease),
    subject.lease && client.statement(subject.lease.lease, signal).catch(notThere),
  ])
  if (onChain && onChain.state !== 'open')
    throw new CloisterError('not-running', 'The lease is closed, so nothing runs for it.', {
      hint: 'Evidence that was kept can be checked still: `cloister verify --offline FILE`.',
    })
  if (onChain && onChain.worker !== subject.worker)
    throw new CloisterError('bad-evidence', `The index says that the lease is on the worker ${subject.worker}; the chain says ${onChain.worker}.`)
  checkAnswer(report, nonce, subject)
  const quote = new Uint8Array(Buffer.from(report.quote, 'base64'))
  const { family, image } = describeQuote(quote)
  const { freshness } = report
  const [collateral, imageRoles, named] = await Promise.all([
    collateralFor(cloister, quote, family),
    getRoles(chain, image),
    freshness.kind === 'block' ? chain.client.getBlock({ blockNumber: BigInt(freshness.number) }).catch(() => undefined) : undefined,
  ])
  return {
    format: 'cloister-evidence/1',
    recordedAt: Math.floor(Date.now() / 1000),
    network: { name: network.name, chainId: network.chainId, workers: network.contracts.workers, market: network.contracts.market },
    // The provider as the chain has it: a worker can't choose whose it is.
    worker: { address: subject.worker, provider: billing.provider, endpoint: subject.endpoint },
    evidence: {
      quote: report.quote,
      ...(report.eventLog !== undefined && { eventLog: report.eventLog }),
      tlsKeyHash: report.tlsKeyHash,
      freshness,
    },
    collateral,
    chain: {
      // The chain's clock may be ahead of ours on a development network; what counts is how long coverage lasts.
      coveredUntil: Math.floor(Date.now() / 1000) + Number(billing.until - block.timestamp),
      imageRoles,
      ...(named?.hash && { blockHash: named.hash }),
    },
    ...(subject.lease &&
      onChain && {
        lease: {
          id: subject.lease.lease,
          tenant: subject.lease.tenant,
          manifestHash: onChain.manifestHash,
          ...(statement && { statement: { ...statement, signature: statement.signature as Hex } }),
        },
      }),
  }
}

function checkAnswer({ freshness, tlsKeyHash }: EvidenceReport, nonce: Hex | undefined, { endpoint, tlsKeyHash: spokenTo }: Subject): void {
  if (endpoint.startsWith('https:') && tlsKeyHash !== spokenTo)
    throw new CloisterError('bad-evidence', 'The worker’s evidence names another TLS key than the one it is served with.')
  const asked = nonce === undefined ? freshness.kind === 'block' : freshness.kind === 'nonce' && freshness.nonce === nonce
  if (!asked) throw new CloisterError('bad-evidence', 'The worker answered with evidence for another question.')
}

function describeQuote(quote: Uint8Array): { family: string; image: Hex } {
  try {
    return platformFamily(quote)
  } catch (cause) {
    throw new CloisterError('bad-evidence', 'The worker answered with something that is no quote of a platform.', { cause })
  }
}

/** A lease that isn't running has no statement; anything else that is wrong is. */
function notThere(error: unknown): undefined {
  if (error instanceof CloisterError && error.code === 'not-found') return undefined
  throw error
}
