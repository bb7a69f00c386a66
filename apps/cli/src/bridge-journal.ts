import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseTransfer, type TransferJournal, writeTransfer } from '@cloister/bridge'
import type { Hex } from 'viem'

/** Deposits and withdrawals that were begun and aren't over, a file each, in the folder of this user's. */
export function bridgeJournal(): TransferJournal {
  const folder = join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'bridge')
  const pathOf = (start: Hex) => join(folder, `${start}.json`)
  return {
    list: () => {
      const paths = filesIn(folder).map((name) => join(folder, name))
      return paths.map((path) => parseTransfer(readFileSync(path, 'utf8'), path))
    },
    write: (transfer) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const path = pathOf(transfer.start.hash)
      writeFileSync(`${path}.new`, writeTransfer(transfer), { mode: 0o600, flush: true })
      renameSync(`${path}.new`, path)
    },
    remove: (start) => rmSync(pathOf(start), { force: true }),
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^0x[0-9a-f]{64}\.json$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
