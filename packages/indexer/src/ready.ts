import type { Reason } from '@cloister/operations'
import type { Database } from './database/open.ts'
import { lastCheckpoint } from './engine/checkpoint.ts'
import type { Follower } from './engine/follow.ts'

/** Blocks that may be unread, of a chain that has one a second or two, before answers count as old. */
const BEHIND_BLOCKS = 30
const NO_DATABASE: Reason = { code: 'database-unreachable', message: 'The database does not answer.' }

/** Says why an index can't be relied on just now. */
export function indexReasons(
  database: Database,
  { newest }: Pick<Follower, 'newest'>,
): () => Promise<Reason[]> {
  return async () => {
    const found = await lastCheckpoint(database).catch(() => NO_DATABASE)
    if (found === NO_DATABASE) return [NO_DATABASE]
    const block = found && 'block' in found ? found.block : 0
    const behind = newest.block - block
    if (newest.reasons.length > 0 || behind <= BEHIND_BLOCKS) return newest.reasons
    return [{ code: 'behind', message: `It has ${behind} blocks of the chain still to read.` }]
  }
}
