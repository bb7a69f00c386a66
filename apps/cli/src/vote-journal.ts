import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type KeptVote, parseKeptVote, writeKeptVote } from '@cloister/ballots'

/** Votes that were signed, each with its hub's receipt, in the folder of this user's; nothing is removed. */
export const voteJournal = {
  list(): KeptVote[] {
    const folder = place()
    return filesIn(folder).map((name) => {
      const path = join(folder, name)
      return parseKeptVote(readFileSync(path, 'utf8'), path)
    })
  },

  /** Returns once it is on disk. */
  write(kept: KeptVote): void {
    const folder = place()
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, `${kept.vote.id}.json`)
    writeFileSync(`${path}.new`, writeKeptVote(kept), { mode: 0o600, flush: true })
    renameSync(`${path}.new`, path)
  },
}

function place(): string {
  return join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'votes')
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^0x[0-9a-f]{64}\.json$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
