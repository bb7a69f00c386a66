import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CloisterError, messageOf } from '@cloister/core'
import { z } from 'zod'

const ANSWER_MS = 120_000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
const Answer = z.object({ detached_eat: z.unknown() })

/**
 * Has a program make tokens about this machine's GPUs: it gets the nonce (hexadecimal digits) as its last argument and prints
 * JSON with `detached_eat`, as `nvattest attest --format json --verifier remote --nonce` does. Throws `no-evidence`.
 */
export async function gpuTokensBy(command: readonly string[], nonce: string): Promise<unknown> {
  const [program = '', ...words] = command
  try {
    const { stdout } = await promisify(execFile)(program, [...words, nonce], { timeout: ANSWER_MS, maxBuffer: MAX_ANSWER_BYTES })
    return Answer.parse(JSON.parse(stdout)).detached_eat
  } catch (cause) {
    throw new CloisterError('no-evidence', `${program} made no tokens about the GPUs: ${messageOf(cause).slice(0, 300)}`, { cause })
  }
}
