import { beforeEach, expect, it } from 'vitest'
import { PATIENCE_MS, type Peer, rememberedPeer } from './peer.ts'

let peer: Peer
/** Whether the chain says nothing. */
let isSilent: boolean
/** Milliseconds that have passed. */
let clock: number
let asked: () => Promise<Peer>

beforeEach(() => {
  peer = { tlsKeyHash: '0xab', refusal: undefined, coveredMs: 3_600_000 }
  isSilent = false
  clock = 0
  asked = rememberedPeer(
    async () => {
      if (isSilent) throw new Error('no chain')
      return peer
    },
    () => clock,
  )
})

it('what the chain said of a machine holds for a minute while it is silent, and no longer', async () => {
  await asked()
  isSilent = true
  clock = PATIENCE_MS
  expect(await asked()).toEqual(peer)
  clock = PATIENCE_MS + 1
  expect((await asked()).refusal).toBe('the chain does not say whether it is attested (no chain)')
  isSilent = false
  expect((await asked()).refusal).toBeUndefined()
})

it('it holds for no longer than the attestation, nor for a machine that was refused', async () => {
  peer = { ...peer, coveredMs: 30_000 }
  await asked()
  isSilent = true
  clock = 30_000
  expect((await asked()).refusal).toBeUndefined()
  clock = 30_001
  expect((await asked()).refusal).toMatch(/does not say/)
  isSilent = false
  peer = { ...peer, refusal: 'it is retired' }
  await asked()
  isSilent = true
  expect((await asked()).refusal).toBe('it is retired')
})

it('of a machine of which the chain has said nothing yet, nothing is known', async () => {
  isSilent = true
  await expect(asked()).rejects.toThrow('no chain')
})
