import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { MoveJournal, MoveRecord } from '@cloister/sdk'
import { MOVE_STEPS } from '@cloister/sdk'
import * as z from 'zod'

const hash = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)])
const Record = z.object({ from: hash, to: hash, step: z.enum(MOVE_STEPS) })

/** Moves that were begun and aren't over, a file each, in the folder of this user's. */
export function moveJournal(): MoveJournal {
  const folder = join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'moves')
  const pathOf = (from: string) => join(folder, `${from}.json`)
  return {
    read: (from) => {
      try {
        return Record.parse(JSON.parse(readFileSync(pathOf(from), 'utf8'))) as MoveRecord
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    write: (record) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const path = pathOf(record.from)
      writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600, flush: true })
      renameSync(`${path}.new`, path)
    },
    remove: (from) => rmSync(pathOf(from), { force: true }),
  }
}
