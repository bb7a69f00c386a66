import { hashManifest, parseManifest, type WorkerRecord } from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import type { Hex } from 'viem'
import { beforeEach, expect, it, vi } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { checkKeys } from './keys.ts'
import { manifests } from './shape.ts'

const APP: Hex = `0x${'ab'.repeat(32)}`
const [OLD, NEW] = ['01', '02'].map((byte): Hex => `0x${byte.repeat(32)}`) as [Hex, Hex]
const readContract = vi.fn(async ({ args: [, , ...hashes] }: { args: Hex[] }) =>
  hashes.every((hash) => allowed.includes(hash)),
)
const cloister = {
  chain: { client: { readContract }, network: { contracts: {} } },
  wallet: { account: { address: `0x${'aa'.repeat(20)}` } },
} as unknown as Cloister
const members = manifests(parseManifest('services:\n  web:\n    image: a\n', { file: 'c.yaml' }).manifest, {
  name: 'mpi',
  size: 2,
})
const workers = [OLD, NEW, OLD].map((measurement) => ({ measurement }) as WorkerRecord)
const check = () => checkKeys(cloister, { app: APP } as Envelope, members, workers)

/** What the app allows: manifests and measurements. */
let allowed: Hex[]

beforeEach(() => {
  allowed = [...members.map(hashManifest), OLD, NEW]
  readContract.mockClear()
})

it('lets all leases of a cluster be opened whose files the app allows, on all their workers', async () => {
  await check()
  expect(readContract).toHaveBeenCalledTimes(4)
})

it('says how many are refused, and what to do, before any is opened', async () => {
  allowed = allowed.slice(1)
  await expect(check()).rejects.toMatchObject({
    code: 'no-keys',
    message: expect.stringContaining('1 of the 2'),
    hint: { do: 'allow-cluster' },
  })
  allowed = [...members.map(hashManifest), OLD]
  await expect(check()).rejects.toThrow('2 of the 2')
})
