import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newTlsKey, tlsKeyHashOf } from '@cloister/attest/node/tls'
import { CloisterError } from '@cloister/core'
import { bytesToHex, type Hex } from 'viem'

/** The key that the worker's interface is served with, made on first use, and its hash as quotes bind it. */
export function loadTlsKey(folder: string): { pem: string; hash: Hex } {
  const path = join(folder, 'tls.key')
  try {
    writeFileSync(path, newTlsKey(), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const pem = readFileSync(path, 'utf8')
  try {
    return { pem, hash: bytesToHex(tlsKeyHashOf(pem)) }
  } catch (cause) {
    throw new CloisterError('bad-key', `${path} holds no key.`, {
      hint: 'Delete it: the worker makes a new one and has it attested.',
      cause,
    })
  }
}
