import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

/**
 * The worker's own key, made on first use and never shown. Signs bids, what it says of leases, and the
 * worker's transactions.
 */
export function loadWorkerKey(folder: string): PrivateKeyAccount {
  const path = join(folder, 'worker.key')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    // Fails where there is a key already; two processes can't both make one.
    writeFileSync(path, `${generatePrivateKey()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const text = readFileSync(path, 'utf8').trim()
  if (!/^0x[0-9a-f]{64}$/.test(text))
    throw new CloisterError('bad-key', `${path} holds no key.`, {
      hint: 'Put it back from a backup, or delete it: the worker then registers as a new one.',
    })
  return privateKeyToAccount(text as `0x${string}`)
}
