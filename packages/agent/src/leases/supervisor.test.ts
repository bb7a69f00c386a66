import { hashManifest, parseManifest } from '@cloister/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Store } from '../store.ts'
import { LeaseSupervisor, type SupervisorParts } from './supervisor.ts'
import { LEASE, openTestStore } from './testing.ts'

const MANIFEST = parseManifest('services:\n  web:\n    image: web\n', { file: 'compose.yaml' }).manifest
const [OPEN, CLOSED] = [1, 2]

let store: Store
let close: () => void
beforeEach(() => {
  ;({ store, close } = openTestStore({ cpuMilli: 8_000, memoryMiB: 8_000, diskMiB: 80_000, gpus: 0 }))
})
afterEach(() => {
  close()
})

/** A supervisor whose chain says that the lease is in `state`, while `meanwhile` happens. */
function supervisorOf(state: number, meanwhile: () => void): LeaseSupervisor {
  const readContract = async () => {
    meanwhile()
    return { state, manifestHash: hashManifest(MANIFEST) }
  }
  const parts = {
    store,
    wallet: { client: { readContract }, network: { contracts: { market: LEASE } } },
    config: {
      tcpPorts: { first: 1, last: 0 },
      listen: { host: '127.0.0.1' },
      attributes: {},
      capacity: { gpuClass: '' },
    },
    executor: { separateNetworks: true },
    log: () => {},
  }
  return new LeaseSupervisor(parts as unknown as SupervisorParts)
}

it('takes no manifest for a lease that is closed while the chain is asked', async () => {
  const supervisor = supervisorOf(OPEN, () => {
    store.patchLease(LEASE, (lease) => {
      lease.state = 'closed'
    })
  })
  await expect(supervisor.accept(LEASE, MANIFEST)).rejects.toMatchObject({ code: 'not-found' })
  expect(store.lease(LEASE)).not.toHaveProperty('next')
  expect(supervisor.runner(LEASE)).toBeUndefined()
})

it('takes no manifest for a lease that the chain knows to be closed before the worker does', async () => {
  const supervisor = supervisorOf(CLOSED, () => {})
  await expect(supervisor.accept(LEASE, MANIFEST)).rejects.toMatchObject({ code: 'not-found' })
  expect(store.lease(LEASE)).not.toHaveProperty('next')
  expect(supervisor.runner(LEASE)).toBeUndefined()
})
