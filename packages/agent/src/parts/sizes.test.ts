import { parseManifest } from '@cloister/core'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LEASE, openTestStore } from '../leases/testing.ts'
import type { Store } from '../store.ts'
import { watchSizes } from './sizes.ts'

const MANIFEST = parseManifest('services:\n  web:\n    image: web\n', { file: 'compose.yaml' }).manifest
let store: Store
let close: () => void
let stopped: string[]
let aborter: AbortController

beforeEach(() => {
  vi.useFakeTimers()
  ;({ store, close } = openTestStore({ cpuMilli: 100, memoryMiB: 64, diskMiB: 128, gpus: 0 }))
  stopped = []
  aborter = new AbortController()
  const stopAll = async (reason: string) => void stopped.push(reason)
  const supervisor = { event: () => {}, runner: () => ({ stopAll }) }
  void watchSizes({ store, supervisor, signal: aborter.signal } as unknown as Parameters<
    typeof watchSizes
  >[0])
})
afterEach(() => {
  aborter.abort()
  vi.useRealTimers()
  close()
})

const outgrow = (next: boolean) =>
  store.patchLease(LEASE, (lease) => {
    lease.outgrownSince = Date.now()
    if (next) lease.next = { hash: '0x00', manifest: MANIFEST }
    else delete lease.next
  })

it('stops what needs more than its lease has after a minute, once', async () => {
  outgrow(false)
  await vi.advanceTimersByTimeAsync(58_000)
  expect(stopped).toEqual([])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(stopped).toEqual(['the lease was made smaller, and what ran on it needs more'])
})

it('gives what fits ten minutes to come, and lets be what fits again', async () => {
  outgrow(true)
  await vi.advanceTimersByTimeAsync(598_000)
  expect(stopped).toEqual([])
  store.patchLease(LEASE, (lease) => delete lease.outgrownSince)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(stopped).toEqual([])
  outgrow(true)
  await vi.advanceTimersByTimeAsync(606_000)
  expect(stopped).toHaveLength(1)
})

it('leaves alone what stands still, as a paused lease does', async () => {
  outgrow(false)
  store.patchLease(LEASE, (lease) => {
    lease.held = {}
  })
  await vi.advanceTimersByTimeAsync(606_000)
  expect(stopped).toEqual([])
})
