import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Heads, type Network } from '@cloister/chain'
import { expect, test } from 'vitest'
import { JournaledChain } from './chain.ts'
import { ChainDoor } from './door.ts'

test('whoever follows the chain is told of each block at once, and looks by itself while the node is away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-heads-'))
  const chain = await JournaledChain.open({
    folder,
    pace: { heartbeatMs: 1e9, engineBlocks: 1e9, depth: 260, headStart: 0 },
    warn: () => {},
  })
  const first = new ChainDoor(chain)
  const port = await first.listen(0)
  // Nothing else of a network is looked at.
  const heads = new Heads({ wsUrl: `ws://127.0.0.1:${port}`, pollingIntervalMs: 60 } as Network)
  const { signal } = new AbortController()
  // The answer to the subscription counts as the first.
  await expect.poll(() => heads.seen, { timeout: 10_000 }).toBe(1)
  for (let block = 1; block <= 3; block++) {
    const next = heads.after(heads.seen, signal)
    await chain.mine()
    expect(await next).toBe(1 + block)
  }
  await first.close()
  await expect.poll(() => heads.seen, { timeout: 10_000 }).toBeGreaterThan(4)
  // Away: each wait ends with the polling interval.
  for (let look = 0; look < 3; look++) await heads.after(heads.seen, signal)
  const second = new ChainDoor(chain)
  await second.listen(port)
  const away = heads.seen
  await expect.poll(() => heads.seen, { timeout: 10_000 }).toBeGreaterThan(away)
  await chain.mine()
  await expect.poll(() => heads.seen, { timeout: 10_000 }).toBeGreaterThan(away + 1)
  heads.close()
  await second.close()
  await chain.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)
