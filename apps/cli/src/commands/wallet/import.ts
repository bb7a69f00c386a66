import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import { askSecret } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { save } from './save.ts'

export async function importWallet(options: Globals & { name: string }): Promise<void> {
  const key = (await askSecret('Private key', 'CLOISTER_PRIVATE_KEY')).trim()
  const hex = key.startsWith('0x') ? key : `0x${key}`
  if (!/^0x[0-9a-fA-F]{64}$/.test(hex))
    throw new CloisterError('bad-key', 'That is not a private key: 64 hex digits are needed.')
  await save(options, hex as Hex)
}
