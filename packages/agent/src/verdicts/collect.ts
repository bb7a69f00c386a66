import { randomInt } from 'node:crypto'
import {
  type Chain,
  getVerdictThreshold,
  getVerifierProvider,
  type Network,
  recoverVerifier,
  type Wallet,
} from '@cloister/chain'
import { IndexClient, workerOfRecord } from '@cloister/client'
import {
  CloisterError,
  messageOf,
  platformOfGpus,
  type UnsignedVerdictRequest,
  type VerdictReport,
  type VerdictRequest,
  verdictRequestTypedData,
  type WorkerRecord,
  type WorkerVerdict,
} from '@cloister/core'
import type { Address, Hex, LocalAccount } from 'viem'
import type { Found } from './verifier.ts'

const ANSWER_MS = 20_000
const MAX_ASKED = 32

/** Whose verdict is wanted, about what, and what it has to say. */
export interface Wanted {
  wallet: Wallet
  /** The worker's key, which signs that the evidence is its own. */
  key: LocalAccount
  provider: Address
  request: UnsignedVerdictRequest
  /** What the worker found in the evidence itself. It claims nothing else. */
  own: Found
}

/**
 * Asks covered workers of other providers for their verdicts, until as many as the contract wants found what
 * the worker itself found. Throws `too-few-verdicts`.
 */
export async function collectVerdict({
  wallet,
  key,
  provider,
  request,
  own,
}: Wanted): Promise<[WorkerVerdict, Hex[]]> {
  const { chainId, contracts } = wallet.network
  const typed = verdictRequestTypedData(request, chainId, contracts.workers)
  const signature = await key.signTypedData(typed)
  const signed = { ...request, signature } as VerdictRequest
  const [threshold, verifiers] = await Promise.all([
    getVerdictThreshold(wallet),
    findVerifiers(wallet, provider),
  ])
  const { kind, worker, tlsKeyHash, block } = request
  const verdict = {
    ...own,
    kind,
    worker,
    provider,
    tlsKeyHash,
    block: { number: BigInt(block.number), hash: block.hash },
  }
  const refusals: string[] = []
  const answers = await Promise.all(
    verifiers.map((verifier) =>
      ask(wallet.network, verifier, signed, verdict).catch((error) => void refusals.push(messageOf(error))),
    ),
  )
  const agreeing = shuffled(answers.filter((answer) => answer !== undefined)).slice(0, threshold)
  if (agreeing.length < threshold)
    throw new CloisterError(
      'too-few-verdicts',
      `${agreeing.length} verifiers vouch for this worker’s ${kind} evidence; ${threshold} are needed.`,
      {
        details: { refusals: [...new Set(refusals)].slice(0, 5) },
      },
    )
  return [verdict, agreeing.map((answer) => answer.signature)]
}

/**
 * One verifier a provider, of other providers than ours. The index names who might be one; who is, and
 * whose, the chain says: a single signature that doesn't count has the whole verdict refused.
 */
async function findVerifiers(chain: Chain, own: Address): Promise<WorkerRecord[]> {
  const items = await new IndexClient(chain.network.indexerUrl).workers({ covered: true })
  const found = new Map<Address, WorkerRecord>()
  const named = shuffled(items)
  for (let from = 0; from < named.length && found.size < MAX_ASKED; from += MAX_ASKED) {
    const some = named.slice(from, from + MAX_ASKED)
    const providers = await Promise.all(some.map(({ worker }) => getVerifierProvider(chain, worker)))
    for (const [position, record] of some.entries()) {
      const provider = providers[position]
      if (provider !== undefined && provider !== own && found.size < MAX_ASKED) found.set(provider, record)
    }
  }
  return [...found.values()]
}

async function ask(
  network: Network,
  verifier: WorkerRecord,
  request: VerdictRequest,
  own: WorkerVerdict,
): Promise<VerdictReport> {
  const report = await workerOfRecord(network, verifier).verdict(request, AbortSignal.timeout(ANSWER_MS))
  // Signed is the hash of the names, not the names: a verifier that gives others would have the whole
  // verdict refused on chain.
  if (
    request.kind === 'nvidia-gpus' &&
    (report.gpuIds.length !== report.gpus || platformOfGpus(report.gpuIds) !== report.platform)
  )
    throw new CloisterError('no-verdict', `${verifier.endpoint} names other GPUs than it vouches for.`)
  if (summaryOf(report) !== summaryOf(own))
    throw new CloisterError(
      'no-verdict',
      `${verifier.endpoint} found ${summaryOf(report)}, and this worker itself ${summaryOf(own)}.`,
    )
  if ((await recoverVerifier(network, own, report.signature)) !== verifier.worker)
    throw new CloisterError('no-verdict', `${verifier.endpoint} signed with another key than its worker’s.`)
  return report
}

function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    ;[items[i], items[j]] = [items[j] as T, items[i] as T]
  }
  return items
}

function summaryOf({ platform, measurement, gpuClass, gpus }: Found): string {
  return gpus > 0 ? `${gpus} × ${gpuClass} (${platform})` : `the guest ${measurement} on ${platform}`
}
