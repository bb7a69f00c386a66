import { join } from 'node:path'
import { writePage } from '@cloister/packed/page'

/**
 * Writes `claim.html`: one file without any dependency, with which holders of an old chain's token claim it.
 * It talks to nobody but the wallets in the browser (its content security policy forbids it).
 */
export function writeClaimPage(path: string): Promise<void> {
  return writePage(join(import.meta.dirname, 'page'), path)
}
