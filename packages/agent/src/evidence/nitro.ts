import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CloisterError, messageOf } from '@cloister/core'
import type { EvidenceSource } from './source.ts'

const run = promisify(execFile)
const ANSWER_MS = 20_000
const MAX_BYTES = 256 * 1024

/**
 * A Nitro enclave. Its device, /dev/nsm, answers to an ioctl that Node can't make, so a program does: it
 * gets the user data in hexadecimal digits as its last argument and prints the document in base64, as AWS's
 * nsm-cli and its like do.
 */
export function nitroSource([program = '', ...words]: readonly string[]): EvidenceSource {
  return {
    name: 'Nitro enclave',
    async quote(reportData) {
      const answer = await run(program, [...words, Buffer.from(reportData).toString('hex')], {
        timeout: ANSWER_MS,
        maxBuffer: MAX_BYTES,
      }).catch((cause) => {
        throw new CloisterError(
          'no-evidence',
          `${program} made no document: ${messageOf(cause).split('\n', 1)[0]}.`,
          { cause },
        )
      })
      const text = answer.stdout.trim()
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text))
        throw new CloisterError('no-evidence', `${program} printed something other than base64.`)
      return { kind: 'nitro', quote: new Uint8Array(Buffer.from(text, 'base64')) }
    },
  }
}
