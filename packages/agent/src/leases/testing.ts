// A worker's store with one open lease in it, for tests of what runs leases.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { pinnedBy } from '../sent/pinned.ts'
import { SentRoom } from '../sent/sent-room.ts'
import { Store, type StoredLease } from '../store.ts'
import { VolumeRoom } from '../volumes/volume-room.ts'

export const LEASE: Hex = `0x${'1e'.repeat(32)}`

/** Opens the store in a folder that `close` deletes. */
export function openTestStore(resources: StoredLease['resources']): {
  store: Store
  sent: SentRoom
  volumes: VolumeRoom
  close: () => void
} {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-store-'))
  const store = new Store(join(folder, 'worker.db'))
  store.saveLease({
    id: LEASE,
    tenant: `0x${'1'.repeat(40)}`,
    state: 'open',
    resources,
    restarts: {},
    openedAt: 1,
  })
  const sent = new SentRoom(join(folder, 'sent'), (tenant) => pinnedBy(store, tenant))
  const volumes = new VolumeRoom(join(folder, 'volumes'), store)
  return {
    store,
    sent,
    volumes,
    close: () => {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
