import { EMISSION_ABI, getTokenBalance, STAKE_ABI } from '@cloister/chain'
import type { Address } from 'viem'
import { expect } from 'vitest'
import { type Ground, STAKERS } from './ground.ts'

/** CLOI of each account that the model doesn't know of. */
export type Baseline = Map<Address, bigint>

/** What accounts hold beyond what the model says. */
export async function baselineOf(ground: Ground): Promise<Baseline> {
  const baseline: Baseline = new Map()
  for (const address of ground.holders()) {
    const held = await getTokenBalance(ground.wallet(0), ground.cloi, address)
    baseline.set(address, held - (ground.economy.balances.get(address) ?? 0n))
  }
  return baseline
}

/** Everybody holds what the model says, and could claim what it says. */
export async function compare(ground: Ground, baseline: Baseline): Promise<void> {
  const { economy } = ground
  for (const address of ground.holders()) {
    const held = await getTokenBalance(ground.wallet(0), ground.cloi, address)
    expect(held - (baseline.get(address) ?? 0n), `balance of ${address}`).toBe(
      economy.balances.get(address) ?? 0n,
    )
  }
  const { client, network } = ground.wallet(0)
  for (const provider of [1, 2, 3])
    for (const account of STAKERS) {
      const [shares, worth, rewards] = await client.readContract({
        address: network.contracts.stake,
        abi: STAKE_ABI,
        functionName: 'positionOf',
        args: [ground.address(provider), ground.address(account)],
      })
      expect({ shares, worth, rewards }, `dev${account} in the pool of dev${provider}`).toEqual(
        economy.positionOf(ground.address(provider), ground.address(account)),
      )
    }
}

/** Every hour weighs what the model says, in the index as on chain. */
export async function compareHours(ground: Ground, hours: number[]): Promise<void> {
  const { weights } = ground.economy
  const epochs = await ground.synced((index) => index.epochs({ limit: 60 }))
  for (const epoch of hours) {
    const record = epochs.find((one) => one.epoch === epoch)
    expect(record?.weight, `epoch ${epoch}`).toBe(weights.totalOf(epoch))
    for (const account of [1, 2, 3]) {
      const provider = ground.address(account)
      const pool = record?.pools.find((one) => one.provider === provider)
      expect(pool?.weight ?? 0).toBe(weights.weightOf(provider, epoch))
      expect(BigInt(pool?.reward ?? 0)).toBe(weights.earned(provider, epoch, epoch + 1))
    }
  }
  // Asked about one provider, the index leaves the others' weights out, but not out of the sum.
  const provider = ground.address(2)
  const ofSecond = await ground.synced((index) => index.epochs({ provider, limit: 60 }))
  expect(ofSecond).toEqual(
    epochs.map((epoch) => ({ ...epoch, pools: epoch.pools.filter((pool) => pool.provider === provider) })),
  )
}

/** As much was created as the model says, and no more than was due. */
export async function compareSupply(ground: Ground): Promise<void> {
  const { client, network } = ground.wallet(0)
  const minted = await client.readContract({
    address: network.contracts.emission,
    abi: EMISSION_ABI,
    functionName: 'minted',
  })
  expect(minted).toBe(ground.economy.minted)
  expect(minted).toBeLessThanOrEqual(ground.economy.emittedBy(await ground.now()))
}
