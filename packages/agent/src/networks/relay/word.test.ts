import type { Chain } from '@cloister/chain'
import { decodeRelay, encodeRelay, type Relay } from '@cloister/core'
import { type Hex, zeroAddress, zeroHash } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { checkRelay, signRelay } from './word.ts'

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

const expected = { reader: HERE, network: 'backend', tenant: TENANT, worker: WORKER.address }
const relay = (changes: Partial<Relay> = {}): Relay => ({
  ...{ lease: THERE, reader: HERE, network: 'backend', from: '', to: 'web-0', instant: NOW },
  ...changes,
})

it('relays for the covered worker of an open lease, which asks in a header', async () => {
  const signed = await signRelay(chainOf(), WORKER, relay())
  expect(decodeRelay(encodeRelay(signed))).toEqual(signed)
  await checkRelay(chainOf(), signed, expected)
})

it.each([
  ['somebody else’s lease', { lease: { tenant: STRANGER.address } }],
  ['a lease that is closed', { lease: { state: 2 } }],
  ['a lease that another worker has', { lease: { worker: STRANGER.address } }],
  ['a worker that is not covered', { until: BigInt(NOW) }],
])('relays nothing for %s', async (_, changes) => {
  const signed = await signRelay(chainOf(), WORKER, relay())
  await expect(checkRelay(chainOf(changes), signed, expected)).rejects.toMatchObject({ code: 'forbidden' })
})

it('relays nothing for a request that was changed, is another key’s, old, or meant for others', async () => {
  const chain = chainOf()
  const signed = await signRelay(chain, WORKER, relay())
  const wrong = [
    { ...signed, to: 'web-1' },
    { ...signed, from: 'web-1' },
    await signRelay(chain, STRANGER, relay()),
    await signRelay(chain, WORKER, relay({ instant: NOW - 600 })),
    await signRelay(chain, WORKER, relay({ instant: NOW + 600 })),
    await signRelay(chain, WORKER, relay({ reader: THERE })),
    await signRelay(chain, WORKER, relay({ network: 'other' })),
  ]
  for (const one of wrong)
    await expect(checkRelay(chain, one, expected)).rejects.toMatchObject({
      code: expect.stringMatching(/^(forbidden|stale)$/),
    })
})

it.each([
  undefined,
  '',
  'Cloister e30',
  'Cloister-Relay',
  'Cloister-Relay e30',
  'Cloister-Relay !!',
  `Cloister-Relay ${'a'.repeat(5000)}`,
])('reads no request out of %s', (header) => {
  expect(decodeRelay(header)).toBeUndefined()
})

it('reads no request with a place that is no name', async () => {
  const signed = await signRelay(chainOf(), WORKER, relay({ to: '../x' }))
  expect(decodeRelay(encodeRelay(signed))).toBeUndefined()
  expect(decodeRelay(encodeRelay({ ...signed, to: '', lease: zeroHash }))).toBeDefined()
})
