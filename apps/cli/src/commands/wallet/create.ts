import { generatePrivateKey } from 'viem/accounts'
import type { Globals } from '../../command.ts'
import { save } from './save.ts'

export function createWallet(options: Globals & { name: string }): Promise<void> {
  return save(options, generatePrivateKey())
}
