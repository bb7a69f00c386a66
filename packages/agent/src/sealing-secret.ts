import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'

/** What this worker's workloads' sealing keys are derived from: 32 bytes, made on first use, never shown. */
export function loadSealingSecret(folder: string): Uint8Array {
  const path = join(folder, 'sealing.key')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(path, randomBytes(32), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const secret = readFileSync(path)
  if (secret.length !== 32)
    throw new CloisterError('bad-key', `${path} holds no key.`, {
      hint: 'Put it back from a backup; without it, what workloads sealed here is lost.',
    })
  return new Uint8Array(secret)
}
