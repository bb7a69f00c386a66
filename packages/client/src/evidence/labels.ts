import type { Network } from '@cloister/chain'
import type { Send } from '@cloister/transport/web'
import type { Hex } from 'viem'
import * as z from 'zod'
import { fetchJson } from '../ask.ts'

const ANSWER_MS = 5_000
const Labels = z.object({ labels: z.array(z.string().max(4096)).max(64) })

/**
 * What witnesses say of the platform behind a worker, as the network's service has it; none where it has
 * nothing, or can't be had: a policy that wants a place then isn't met. Nothing is believed here:
 * `verifyBundle` checks signatures.
 */
export async function fetchLabels(
  { attestation }: Network,
  platform: Hex,
  { signal, send }: { signal?: AbortSignal | undefined; send?: Send | undefined } = {},
): Promise<string[]> {
  if (attestation.labelsUrl === undefined || attestation.witnesses.length === 0) return []
  const limit = AbortSignal.timeout(ANSWER_MS)
  try {
    const url = `${attestation.labelsUrl.replace(/\/$/, '')}/${platform.slice(2)}`
    return (
      await fetchJson('The labels of machines', url, Labels, {
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        ...(send && { send }),
      })
    ).labels
  } catch {
    return []
  }
}
