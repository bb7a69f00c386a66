import type { Chain } from '@cloister/chain'
import type { Member } from '@cloister/core'
import { type Hex, zeroAddress, zeroHash } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { checkMember, signMember } from './introduction.ts'
import { tunnelKey } from './tunnel-key.ts'

const TENANT = privateKeyToAccount(`0x${'01'.repeat(32)}`).address
const WORKER = privateKeyToAccount(`0x${'02'.repeat(32)}`)
const STRANGER = privateKeyToAccount(`0x${'03'.repeat(32)}`)
const [HERE, THERE] = [`0x${'aa'.repeat(32)}`, `0x${'bb'.repeat(32)}`] as [Hex, Hex]
const NOW = Math.floor(Date.now() / 1000)

/** A chain that has the lease `THERE` on the worker, with changes. */
function chainOf(changes: { lease?: object; until?: bigint } = {}): Chain {
  const answers: Record<string, unknown> = {
    leaseOf: { state: 1, tenant: TENANT, worker: WORKER.address, manifestHash: HERE, ...changes.lease },
    workerOf: { provider: TENANT, description: { endpoint: 'https://worker.example', gpuClass: zeroHash } },
    billing: [TENANT, 0n, changes.until ?? BigInt(NOW + 60)],
  }
  return {
    network: { chainId: 1, contracts: { market: zeroAddress, workers: zeroAddress } },
    client: {
      readContract: async ({ functionName }: { functionName: string }) => answers[functionName],
      getBlock: async () => ({ timestamp: BigInt(NOW) }),
    },
  } as unknown as Chain
}

const expected = { reader: HERE, network: 'backend', tenant: TENANT }
const member = (changes: Partial<Member> = {}): Member => ({
  lease: THERE,
  reader: HERE,
  network: 'backend',
  name: 'db',
  places: [{ name: '', services: ['postgres'], key: HERE, port: 31_000 }],
  instant: NOW,
  ...changes,
})

it('believes the covered worker of an open lease of the same tenant', async () => {
  const signed = await signMember(chainOf(), WORKER, member())
  expect(await checkMember(chainOf(), signed, expected)).toMatchObject({
    worker: WORKER.address,
    endpoint: 'https://worker.example',
  })
})

it.each([
  ['somebody else’s lease', { lease: { tenant: STRANGER.address } }],
  ['a lease that is closed', { lease: { state: 2 } }],
  ['a lease that another worker has', { lease: { worker: STRANGER.address } }],
  ['a worker that is not covered', { until: BigInt(NOW) }],
])('does not believe a word about %s', async (_, changes) => {
  const signed = await signMember(chainOf(), WORKER, member())
  await expect(checkMember(chainOf(changes), signed, expected)).rejects.toMatchObject({ code: 'forbidden' })
})

it('does not believe a word that was changed, is another key’s, old, or meant for others', async () => {
  const chain = chainOf()
  const signed = await signMember(chain, WORKER, member())
  const wrong = [
    { ...signed, places: [{ name: '', services: ['postgres'], key: THERE, port: 31_000 }] },
    await signMember(chain, STRANGER, member()),
    await signMember(chain, WORKER, member({ instant: NOW - 600 })),
    await signMember(chain, WORKER, member({ instant: NOW + 600 })),
    await signMember(chain, WORKER, member({ reader: THERE })),
    await signMember(chain, WORKER, member({ network: 'other' })),
    await signMember(chain, WORKER, member({ lease: HERE })),
  ]
  for (const one of wrong)
    await expect(checkMember(chain, one, expected)).rejects.toMatchObject({
      code: expect.stringMatching(/^(forbidden|stale)$/),
    })
})

it('has keys of its own for each worker, lease, network and place, the same at every start', () => {
  const of = (secret: number, ...words: [Hex, string, string]) =>
    tunnelKey(new Uint8Array(32).fill(secret), ...words)
  const keys = [
    of(1, HERE, 'backend', ''),
    of(2, HERE, 'backend', ''),
    of(1, THERE, 'backend', ''),
    of(1, HERE, 'other', ''),
    of(1, HERE, 'backend', 'web-0'),
  ]
  expect(of(1, HERE, 'backend', '')).toEqual(keys[0])
  for (const part of ['privateKey', 'publicKey'] as const)
    expect(new Set(keys.map((key) => key[part])).size).toBe(keys.length)
})
