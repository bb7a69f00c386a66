import type Docker from 'dockerode'
import { expect, it } from 'vitest'
import { joinNetwork } from './swarm-node.ts'

it('shares the network of no container that is not of the lease', async () => {
  let joined = 0
  const engineWith = (Labels: Record<string, string>) =>
    // Of an engine, what is asked of it here.
    ({
      getContainer: () => ({
        inspect: async () => ({ NetworkSettings: { Networks: {} }, Config: { Labels } }),
      }),
      getNetwork: () => ({ connect: async () => void joined++ }),
    }) as unknown as Docker
  const labels = { 'network.cloister.scope': 'abc', 'network.cloister.lease': '0x1' }
  for (const other of [{}, { ...labels, 'network.cloister.lease': '0x2' }])
    await expect(joinNetwork(engineWith(other), 'net', 'c0ffee', labels)).rejects.toMatchObject({
      code: 'start-failed',
    })
  expect(joined).toBe(0)
  await joinNetwork(engineWith({ ...labels, more: '' }), 'net', 'c0ffee', labels)
  expect(joined).toBe(1)
})
