import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CloisterError, checkManifest, isLeaseName } from '@cloister/core'
import type { RolloutJournal } from '@cloister/sdk'
import * as z from 'zod'

const hash = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)])
const Record = z.object({ to: hash, previous: z.unknown().optional() })

/** Updates of an account's groups that were begun and aren't over: a file each, in this user's folder. */
export function rolloutJournal(chainId: number, account: string): RolloutJournal {
  const home = process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister')
  const folder = join(home, 'rollouts', `${chainId}-${account.toLowerCase()}`)
  const pathOf = (name: string) => {
    if (!isLeaseName(name)) throw new CloisterError('internal', 'A group has no name.')
    return join(folder, `${name}.json`)
  }
  return {
    read: (name) => {
      try {
        const { to, previous } = Record.parse(JSON.parse(readFileSync(pathOf(name), 'utf8')))
        return { name, to, previous: previous === undefined ? undefined : checkManifest(previous) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    write: ({ name, to, previous }) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const path = pathOf(name)
      writeFileSync(`${path}.new`, JSON.stringify({ to, previous }), { mode: 0o600, flush: true })
      renameSync(`${path}.new`, path)
    },
    remove: (name) => rmSync(pathOf(name), { force: true }),
  }
}
