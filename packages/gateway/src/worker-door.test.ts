import { sealedPaths } from '@cloister/core'
import type { DialAgent } from '@cloister/transport'
import { expect, it } from 'vitest'
import type { Resolver } from './resolve.ts'
import { WorkerDoor } from './worker-door.ts'

const WORKER = `0x${'ab'.repeat(20)}` as const
const unused = {} as never
const door = new WorkerDoor(unused as Resolver<never>, unused as DialAgent, unused)

it('leads to a worker by the two paths that take what is sealed', () => {
  for (const path of Object.values(sealedPaths(WORKER))) expect(door.workerIn(path)).toBe(WORKER)
})

it.each([
  `/v1/workers/${WORKER}`,
  `/v1/workers/${WORKER}/bids`,
  `/v1/workers/${WORKER}/sealed/`,
  `/v1/workers/${WORKER}/sealed?x`,
  `/v1/workers/${WORKER}/sealed\n`,
  `/v1/workers/${WORKER}/key/../../worker`,
  `/v1/workers/${WORKER}%2fkey`,
  `/v1/workers/${WORKER.toUpperCase()}/key`,
  `/v1/workers/${WORKER}0/key`,
  `//v1/workers/${WORKER}/key`,
  '/v1/worker',
  '/v1/leases',
])('leads nowhere by %j', (path) => expect(door.workerIn(path)).toBeUndefined())
