import { type Manifest, parseManifest } from '@cloister/core'
import { expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import type { BidsParameters, bids, CheckedBid } from '../leases/bids.ts'
import { clusterBids } from './bids.ts'

/** What each worker asks for the first lease, and for any further one. */
let asks: Record<string, [first: bigint, further: bigint]>
const manifests = ['a', 'b', 'c'].map(
  (image) => parseManifest(`services: { web: { image: ${image} } }`, { file: 'compose.yaml' }).manifest,
)

/** A chain whose workers have lent nothing. */
const cloister = {
  chain: { client: { readContract: async () => 0n }, network: { contracts: {} } },
} as unknown as Cloister

const ask: typeof bids = async (_, { manifest, provider }: BidsParameters) => {
  const isFirst = manifest === manifests[0]
  const made = Object.entries(asks)
    .filter(([worker]) => provider === undefined || provider === worker)
    .map(([worker, rates]) => ({
      bid: { ratePerSecond: rates[isFirst ? 0 : 1], room: 0n },
      worker: { worker },
    }))
  return { bids: made as unknown as CheckedBid[], declined: [] } as never
}

const chosen = async (some: readonly Manifest[] = manifests) =>
  (await clusterBids(cloister, some, { pay: 'USDC' }, ask)).members.map(({ worker }) => worker.worker)

it('takes further leases of a worker for what the first one costs, and for no more', async () => {
  asks = { '0xa': [1n, 1n], '0xb': [2n, 2n] }
  expect(await chosen()).toEqual(['0xa', '0xa', '0xa'])
  asks = { '0xa': [1n, 1_000_000n], '0xb': [2n, 2n] }
  expect(await chosen()).toEqual(['0xa', '0xb', '0xb'])
  asks = { '0xa': [1n, 2n] }
  await expect(chosen()).rejects.toThrow(/all or none are opened\. It asks for more/)
})
