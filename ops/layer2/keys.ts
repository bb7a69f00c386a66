import { CloisterError } from '@cloister/core'
import { isAddressEqual, isHex, size } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { readEnvironment } from './environment.ts'
import type { Settings } from './settings.ts'

/** Which variable of keys.env is whose key. */
const KEYS = {
  BATCHER_PRIVATE_KEY: 'batcher',
  SEQUENCER_PRIVATE_KEY: 'sequencer',
  PROPOSER_PRIVATE_KEY: 'proposer',
} as const

/**
 * Holds keys.env against the accounts of the settings. Throws `bad-config` where a key is missing, is none,
 * or is of another account, and never says a key.
 */
export function checkKeys(text: string, { accounts }: Pick<Settings, 'accounts'>): void {
  const given = readEnvironment(text)
  for (const [variable, role] of Object.entries(KEYS)) {
    const key = given.get(variable)
    if (!isHex(key) || size(key) !== 32)
      throw new CloisterError(
        'bad-config',
        `${variable} of keys.env is no key: 0x and 64 hexadecimal digits.`,
      )
    const { address } = privateKeyToAccount(key)
    if (!isAddressEqual(address, accounts[role]))
      throw new CloisterError(
        'bad-config',
        `${variable} of keys.env is the key of ${address}, and the settings’ ${role} is ${accounts[role]}.`,
      )
  }
}
