import { gpuNonceOf } from '@cloister/attest'
import { confirmGpus, type FreshBlock, type GpuVerdict, getVerdictThreshold, reportDataOf, type Wallet } from '@cloister/chain'
import { CloisterError, messageOf, VerdictReport, type VerdictRequest, WorkerRecord } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { EvidenceSource } from '../evidence/source.ts'
import type { Log } from '../log.ts'
import { askWorker } from '../peers.ts'
import type { Sequence } from '../sending.ts'

const ANSWER_MS = 20_000
const MAX_ASKED = 32

interface Parts {
  wallet: Wallet
  worker: Address
  provider: Address
  tlsKeyHash: Hex
  source: EvidenceSource
  sequence: Sequence
  log: Log
}

/**
 * Has this worker's GPUs vouched for: makes tokens bound to the block of its last attestation, asks covered workers of other
 * providers for their verdicts, and hands in as many as the contract wants. Throws `no-evidence` or `too-few-verdicts`.
 */
export async function confirmOwnGpus({ wallet, worker, provider, tlsKeyHash, source, sequence, log }: Parts, block: FreshBlock): Promise<void> {
  if (!source.gpuTokens)
    throw new CloisterError('no-evidence', 'This machine has nothing to prove its GPUs with.', {
      hint: 'Name a program under `gpuEvidence` in the configuration.',
    })
  const { network } = wallet
  const nonce = await gpuNonceOf(reportDataOf(network, { provider, worker, tlsKeyHash }, block.hash))
  const tokens = await source.gpuTokens(nonce)
  const request: VerdictRequest = { kind: 'nvidia-gpus', worker, tlsKeyHash, block: { number: Number(block.number), hash: block.hash }, tokens }
  const [threshold, verifiers] = await Promise.all([getVerdictThreshold(wallet), findVerifiers(network.indexerUrl, provider)])
  const refusals: string[] = []
  const answers = await Promise.all(verifiers.map((verifier) => ask(verifier, request).catch((error) => void refusals.push(messageOf(error)))))
  const agreeing = largestAgreement(answers.filter((answer) => answer !== undefined)).slice(0, threshold)
  const [first] = agreeing
  if (!first || agreeing.length < threshold)
    throw new CloisterError('too-few-verdicts', `${agreeing.length} verifiers vouch for the GPUs; ${threshold} are needed.`, {
      details: { refusals: [...new Set(refusals)].slice(0, 5) },
    })
  const verdict: GpuVerdict = { worker, provider, tlsKeyHash, block, platform: first.platform, gpuClass: first.gpuClass, gpus: first.gpus }
  const signatures = agreeing.map(({ signature }) => signature)
  await sequence.run(() => confirmGpus(wallet, verdict, signatures))
  log('info', 'GPUs confirmed', { gpuClass: first.gpuClass, gpus: first.gpus, verifiers: agreeing.length })
}

/** One covered worker a provider, of other providers than ours; which of them verify shows when they are asked. */
async function findVerifiers(indexerUrl: string, provider: Address): Promise<WorkerRecord[]> {
  const response = await fetch(`${indexerUrl}/v1/workers?covered=true`, { signal: AbortSignal.timeout(ANSWER_MS) })
  const { items } = z.object({ items: z.array(WorkerRecord) }).parse(await response.json())
  const others = items.filter((record) => record.provider !== provider)
  return [...new Map(others.map((record) => [record.provider, record])).values()].slice(0, MAX_ASKED)
}

async function ask(verifier: WorkerRecord, request: VerdictRequest): Promise<VerdictReport> {
  const { status, text } = await askWorker(verifier, { method: 'POST', path: '/v1/verdicts', body: JSON.stringify(request) })
  if (status !== 200) throw new CloisterError('no-verdict', `${verifier.endpoint} answered with status ${status}: ${text.slice(0, 300)}`)
  return VerdictReport.parse(JSON.parse(text))
}

/** Those that found the same, if most did. */
function largestAgreement(answers: VerdictReport[]): VerdictReport[] {
  const groups = Map.groupBy(answers, ({ platform, gpuClass, gpus }) => `${platform} ${gpuClass} ${gpus}`)
  return [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? []
}
