import { expect, test } from 'vitest'
import { liveThrough } from './soak/lapse.ts'

test('hours of blocks, attestations and leases leave the chain and the index as small and quick as it was, and every lease billed for its hour', async () => {
  const hours = await liveThrough(2, { engineBlocks: 90, depth: 260 }, () => {})
  const [first, last] = [hours[0], hours.at(-1)]
  if (!first || !last) throw new Error('no hour was lived')
  expect(last.blocks).toBeGreaterThan(700)
  expect(last.engineMiB).toBeLessThan(first.engineMiB * 1.5 + 20)
  // A heartbeat and what comes with leases is about half a kilobyte a block.
  expect((last.filesKiB - first.filesKiB) / (last.blocks - first.blocks)).toBeLessThan(2)
  // Loosely, since other tests run beside: what grew with the chain's length would be thrice the first by
  // now.
  expect(last.callMs).toBeLessThan(first.callMs * 3 + 50)
  // Its process and its files grow by what the leases are, not by blocks in which nothing happened.
  expect(last.indexMiB).toBeLessThan(first.indexMiB + 30)
  expect(last.indexFilesMiB).toBeLessThan(first.indexFilesMiB + 20)
  expect(last.indexLagMs).toBeLessThan(5_000)
  expect(last.startMs).toBeLessThan(first.startMs * 3 + 3_000)
}, 180_000)
