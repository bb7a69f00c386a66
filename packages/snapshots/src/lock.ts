import { randomBytes } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import type { SnapshotStore } from './store.ts'

/** What a process that died held counts no more after so long. */
const STALE_MS = 10 * 60_000
const REFRESH_MS = 60_000

/**
 * Does something while others don't do what doesn't go together with it: any number may write, and one may
 * prune while nobody does anything else. Each says so in the store before it looks at what others say, so
 * that of two at least one sees the other. Throws `too-busy`.
 */
export async function whileLocked<T>(
  store: SnapshotStore,
  kind: 'write' | 'prune',
  work: () => Promise<T>,
): Promise<T> {
  const name = `locks/${kind}-${randomBytes(8).toString('hex')}`
  const hold = () => store.write(name, Buffer.from(String(Date.now())))
  await hold()
  const holding = setInterval(() => void hold().catch(() => {}), REFRESH_MS)
  holding.unref()
  try {
    for (const other of await store.list('locks')) {
      if (other.name === name) continue
      if (other.modifiedAt < Date.now() - STALE_MS) await store.remove(other.name)
      else if (kind === 'prune' || other.name.startsWith('locks/prune-'))
        throw new CloisterError('too-busy', `Somebody else is at the snapshots in ${store.place}.`, {
          hint: 'Wait until they are done. One that was broken off is forgotten after ten minutes.',
        })
    }
    return await work()
  } finally {
    clearInterval(holding)
    await store.remove(name)
  }
}
