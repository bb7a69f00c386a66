import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

/** The key that a hub signs receipts with, made where there is none yet. Throws `bad-key`. */
export function openHubKey(path: string): PrivateKeyAccount {
  mkdirSync(dirname(path), { recursive: true })
  try {
    // Whoever comes second reads what the first one made.
    writeFileSync(path, `${generatePrivateKey()}\n`, { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  chmodSync(path, 0o600)
  const text = readFileSync(path, 'utf8').trim()
  if (!/^0x[0-9a-f]{64}$/.test(text))
    throw new CloisterError('bad-key', `${path} is no key of a hub’s.`, {
      hint: 'Delete it: the hub makes another one. Receipts that it signed before name the old one.',
    })
  return privateKeyToAccount(text as Hex)
}
