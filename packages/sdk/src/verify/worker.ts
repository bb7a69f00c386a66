import { getAttestationAge, getConfirmedGpus, getNoticeSeconds } from '@cloister/chain'
import { gatherEvidence, trustOf, workerOfRecord } from '@cloister/client'
import {
  CloisterError,
  checkNotice,
  checkSupported,
  defaultPolicy,
  gpuMismatch,
  type Manifest,
  type Policy,
  policyFor,
  type Resources,
  resourcesOf,
  type WorkerRecord,
} from '@cloister/core'
import { judge, requireMet } from '@cloister/verify'
import type { Cloister } from '../cloister.ts'

const EVIDENCE_MS = 15_000
const REPORT_MS = 5_000

/**
 * Has a worker quote a number of ours and holds the verdict against a policy. Throws `policy`,
 * `bad-evidence` where it isn't the provider's that the index says, and what `gatherEvidence` throws.
 */
export async function checkEvidence(
  cloister: Cloister,
  worker: WorkerRecord,
  policy: Policy,
  { gpus: wanted, gpuModels: models }: Pick<Resources, 'gpus' | 'gpuModels'>,
): Promise<void> {
  const [bundle, attestedSecondsAgo, confirmed] = await Promise.all([
    gatherEvidence(cloister.chain, worker, { fresh: true, signal: AbortSignal.timeout(EVIDENCE_MS) }),
    getAttestationAge(cloister.chain, worker.worker),
    wanted > 0 ? getConfirmedGpus(cloister.chain, worker.worker) : undefined,
  ])
  // Whoever chose a provider chose it by what the index says.
  const { provider } = bundle.worker
  if (provider !== worker.provider)
    throw new CloisterError(
      'bad-evidence',
      `The index says that the worker ${worker.worker} is ${worker.provider}'s; the chain says ${provider}'s.`,
    )
  const facts = { attestedSecondsAgo, gpus: confirmed && { wanted, models, confirmed } }
  requireMet(await judge(bundle, trustOf(cloister.network), { policy, facts }))
}

/**
 * Holds a worker that has a lease against a manifest that is new to it: what a bid would have been asked for
 * and is in no lease's terms. Evidence is looked at where a policy is given or the manifest demands a TEE.
 * Throws `policy`, `unsupported` or `notice-too-short`.
 */
export async function checkWorkerFor(
  cloister: Cloister,
  address: WorkerRecord['worker'],
  manifest: Manifest,
  policy?: Policy,
): Promise<void> {
  checkSupported(manifest)
  const { demands, attributes } = manifest
  if (demands?.noticeSeconds !== undefined) checkNotice(manifest, await getNoticeSeconds(cloister.chain))
  const resources = resourcesOf(manifest)
  const demandsEvidence = policy !== undefined || demands?.tee !== undefined
  const isPlain = Object.keys(attributes).length === 0 && resources.gpuKinds === undefined
  if (isPlain && !demandsEvidence) return
  const worker = await cloister.index.worker(address)
  if (!isPlain) {
    const report = await workerOfRecord(cloister.network, worker).report(AbortSignal.timeout(REPORT_MS))
    for (const [name, value] of Object.entries(attributes))
      if (report.attributes[name] !== value)
        throw unlike(
          `The file asks for ${name}=${value}; at this worker it is ${JSON.stringify(report.attributes[name] ?? 'not set')}.`,
        )
    const mismatch = gpuMismatch(resources, {
      gpuClass: report.gpuClass,
      ram: report.attributes['gpu-ram'],
      form: report.attributes['gpu-interface'],
    })
    if (mismatch !== undefined) throw unlike(mismatch)
  }
  if (demandsEvidence)
    await checkEvidence(
      cloister,
      worker,
      policyFor(manifest, policy ?? defaultPolicy(cloister.network.development)),
      resources,
    )
}

function unlike(message: string): CloisterError {
  return new CloisterError('unsupported', message, {
    hint: 'Deploy it as a new lease, which asks other workers too.',
  })
}
