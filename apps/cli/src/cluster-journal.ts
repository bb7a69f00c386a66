import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  CLUSTER_STEPS,
  type Cloister,
  type ClusterJournal,
  type ClusterRecord,
  walletOf,
} from '@cloister/sdk'
import * as z from 'zod'

const hash = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)])
const address = z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{40}$/)])
const NAME = /^[a-z0-9-]{1,32}$/
const Record = z.object({
  name: z.string().regex(NAME),
  network: z.string().regex(NAME),
  step: z.enum(CLUSTER_STEPS),
  members: z.array(z.object({ lease: hash, worker: address })).max(64),
})

/** An account's clusters on a network, a file each, in the folder of this user's. */
export function clusterJournal(cloister: Cloister): ClusterJournal {
  const home = process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister')
  const { chainId, contracts } = cloister.network
  const place = `${chainId}-${contracts.market}`.toLowerCase()
  const account = walletOf(cloister).account.address.toLowerCase()
  const folder = join(home, 'clusters', place, account)
  const pathOf = (name: string) => join(folder, `${name}.json`)
  const read = (name: string): ClusterRecord | undefined => {
    if (!NAME.test(name)) return undefined
    try {
      return Record.parse(JSON.parse(readFileSync(pathOf(name), 'utf8'))) as ClusterRecord
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
  return {
    read,
    write: (record) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const path = pathOf(record.name)
      writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600, flush: true })
      renameSync(`${path}.new`, path)
    },
    remove: (name) => rmSync(pathOf(name), { force: true }),
    all: () =>
      namesIn(folder).flatMap((name) => {
        const record = read(name)
        return record ? [record] : []
      }),
  }
}

function namesIn(folder: string): string[] {
  try {
    const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
    return files.map((file) => file.slice(0, -'.json'.length)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
