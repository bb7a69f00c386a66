import { getLease, getNoticeSeconds } from '@cloister/chain'
import {
  CloisterError,
  checkNotice,
  checkSupported,
  defaultPolicy,
  gpuMismatch,
  type Manifest,
  type Policy,
  policyFor,
  resourcesOf,
} from '@cloister/core'
import type { Session } from '../session.ts'

const REPORT_MS = 5_000

/**
 * Holds a worker that has a lease against a manifest that is new to it: what a bid would have been asked for
 * and is in no lease's terms. Evidence is looked at where a policy is given or the manifest demands a TEE.
 * Throws `policy`, `unsupported` or `notice-too-short`.
 */
export async function checkWorkerFor(session: Session, manifest: Manifest, policy?: Policy): Promise<void> {
  const { chain, network } = session.cloister
  checkSupported(manifest)
  const { demands, attributes } = manifest
  const { lease } = session.about
  if (lease !== undefined) {
    const [terms, marketNotice] = await Promise.all([getLease(chain, lease), getNoticeSeconds(chain)])
    checkNotice(manifest, terms, marketNotice)
  }
  const resources = resourcesOf(manifest)
  const demandsEvidence = policy !== undefined || demands?.tee !== undefined
  const isPlain = Object.keys(attributes).length === 0 && resources.gpuKinds === undefined
  if (isPlain && !demandsEvidence) return
  if (!isPlain) {
    const report = await session.worker.report(AbortSignal.timeout(REPORT_MS))
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
    await session.demand(policyFor(manifest, policy ?? defaultPolicy(network.development)), resources)
}

function unlike(message: string): CloisterError {
  return new CloisterError('unsupported', message, {
    hint: 'Deploy it as a new lease, which asks other workers too.',
  })
}
