import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CloisterError, messageOf } from '@cloister/core'
import * as z from 'zod'
import type { GpuEvidence } from './source.ts'

const ANSWER_MS = 120_000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
const Answer = z.object({
  detached_eat: z.unknown(),
  /** As `nvattest collect-evidence` prints them: a raw report and PEM, base64 each. */
  evidences: z
    .array(z.object({ evidence: z.base64(), certificate: z.base64() }))
    .max(64)
    .optional(),
})

/**
 * Has a program make evidence about this machine's GPUs: it gets the nonce (hexadecimal digits) as its last
 * argument and prints JSON with `detached_eat`, as `nvattest attest --format json --verifier remote --nonce`
 * does, and with `evidences`, as `nvattest collect-evidence` does, if SKUs are to be told. Throws
 * `no-evidence`.
 */
export async function gpuEvidenceBy(command: readonly string[], nonce: string): Promise<GpuEvidence> {
  const [program = '', ...words] = command
  try {
    const { stdout } = await promisify(execFile)(program, [...words, nonce], {
      timeout: ANSWER_MS,
      maxBuffer: MAX_ANSWER_BYTES,
    })
    const { detached_eat: tokens, evidences } = Answer.parse(JSON.parse(stdout))
    if (!evidences) return { tokens }
    const reports = evidences.map(({ evidence, certificate }) => ({
      report: evidence,
      certificates: Buffer.from(certificate, 'base64').toString('utf8'),
    }))
    return { tokens, reports }
  } catch (cause) {
    throw new CloisterError(
      'no-evidence',
      `${program} made no evidence about the GPUs: ${messageOf(cause).slice(0, 300)}`,
      { cause },
    )
  }
}
