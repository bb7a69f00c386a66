import { gpuNonceOf } from '@cloister/attest'
import {
  type FreshBlock,
  getVerdictThreshold,
  handInVerdict,
  type Network,
  platformOfGpus,
  reportDataOf,
  type Wallet,
  type WorkerVerdict,
} from '@cloister/chain'
import { CloisterError, messageOf, VerdictReport, type VerdictRequest, WorkerRecord } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { Evidence, EvidenceSource } from '../evidence/source.ts'
import type { Log } from '../log.ts'
import { askWorker } from '../peers.ts'
import type { Sequence } from '../sending.ts'

const ANSWER_MS = 20_000
const MAX_ASKED = 32

/** What it takes to have a worker's GPUs vouched for. */
export interface Confirming {
  wallet: Wallet
  worker: Address
  provider: Address
  tlsKeyHash: Hex
  source: EvidenceSource
  sequence: Sequence
  log: Log
}

/**
 * Has this worker's GPUs vouched for: makes evidence bound to the block of its last attestation, asks covered workers of other
 * providers for their verdicts, and hands in as many as the contract wants. Throws `no-evidence` or `too-few-verdicts`.
 */
export async function confirmOwnGpus({ wallet, worker, provider, tlsKeyHash, source, sequence, log }: Confirming, block: FreshBlock): Promise<void> {
  if (!source.gpuEvidence)
    throw new CloisterError('no-evidence', 'This machine has nothing to prove its GPUs with.', {
      hint: 'Name a program under `gpuEvidence` in the configuration.',
    })
  const nonce = await gpuNonceOf(reportDataOf(wallet.network, { provider, worker, tlsKeyHash }, block.hash))
  const request: VerdictRequest = { kind: 'nvidia-gpus', ...boundTo({ worker, tlsKeyHash, block }), ...(await source.gpuEvidence(nonce)) }
  const [verdict, signatures] = await collectVerdict(wallet, provider, request)
  await sequence.run(() => handInVerdict(wallet, verdict, signatures))
  log('info', 'GPUs confirmed', { gpuClass: verdict.gpuClass, gpus: verdict.gpus, verifiers: signatures.length })
}

/** What verifiers are asked about a guest whose evidence no contract can check. Throws `no-evidence` for others. */
export function guestRequest(bound: Bound, { kind, quote, collateral }: Evidence): VerdictRequest {
  const evidence = Buffer.from(quote).toString('base64')
  if (kind === 'nitro') return { kind, ...boundTo(bound), evidence }
  if (kind === 'sev-snp' && collateral) return { kind, ...boundTo(bound), evidence, collateral }
  throw new CloisterError('no-evidence', 'There is nothing in this evidence for verifiers to check.')
}

/**
 * Asks covered workers of other providers for their verdicts, until as many as the contract wants found the same. Throws
 * `too-few-verdicts`.
 */
export async function collectVerdict(wallet: Wallet, provider: Address, request: VerdictRequest): Promise<[WorkerVerdict, Hex[]]> {
  const [threshold, verifiers] = await Promise.all([getVerdictThreshold(wallet), findVerifiers(wallet.network.indexerUrl, provider)])
  const refusals: string[] = []
  const answers = await Promise.all(verifiers.map((verifier) => ask(wallet.network, verifier, request).catch((error) => void refusals.push(messageOf(error)))))
  const agreeing = largestAgreement(answers.filter((answer) => answer !== undefined)).slice(0, threshold)
  const [first] = agreeing
  if (!first || agreeing.length < threshold)
    throw new CloisterError('too-few-verdicts', `${agreeing.length} verifiers vouch for this worker’s ${request.kind} evidence; ${threshold} are needed.`, {
      details: { refusals: [...new Set(refusals)].slice(0, 5) },
    })
  const { kind, worker, tlsKeyHash, block } = request
  const { platform, image, gpuClass, gpus, gpuIds } = first
  const verdict = { kind, worker, provider, tlsKeyHash, platform, image, gpuClass, gpus, gpuIds, block: { number: BigInt(block.number), hash: block.hash } }
  return [verdict, agreeing.map(({ signature }) => signature)]
}

interface Bound {
  worker: Address
  tlsKeyHash: Hex
  block: FreshBlock
}

function boundTo({ worker, tlsKeyHash, block }: Bound) {
  return { worker, tlsKeyHash, block: { number: Number(block.number), hash: block.hash } }
}

/** One covered worker a provider, of other providers than ours; which of them verify shows when they are asked. */
async function findVerifiers(indexerUrl: string, provider: Address): Promise<WorkerRecord[]> {
  const response = await fetch(`${indexerUrl}/v1/workers?covered=true`, { signal: AbortSignal.timeout(ANSWER_MS) })
  const { items } = z.object({ items: z.array(WorkerRecord) }).parse(await response.json())
  const others = items.filter((record) => record.provider !== provider)
  return [...new Map(others.map((record) => [record.provider, record])).values()].slice(0, MAX_ASKED)
}

async function ask(network: Network, verifier: WorkerRecord, request: VerdictRequest): Promise<VerdictReport> {
  const { status, text } = await askWorker(network, verifier, { method: 'POST', path: '/v1/verdicts', body: JSON.stringify(request) })
  if (status !== 200) throw new CloisterError('no-verdict', `${verifier.endpoint} answered with status ${status}: ${text.slice(0, 300)}`)
  const report = VerdictReport.parse(JSON.parse(text))
  // Signed is the hash of the names, not the names: a verifier that gives others would have the whole verdict refused on chain.
  if (request.kind === 'nvidia-gpus' && (report.gpuIds.length !== report.gpus || platformOfGpus(report.gpuIds) !== report.platform))
    throw new CloisterError('no-verdict', `${verifier.endpoint} names other GPUs than it vouches for.`)
  return report
}

/** Those that found the same, if most did. */
function largestAgreement(answers: VerdictReport[]): VerdictReport[] {
  const groups = Map.groupBy(answers, ({ platform, image, gpuClass, gpus }) => `${platform} ${image} ${gpuClass} ${gpus}`)
  return [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? []
}
