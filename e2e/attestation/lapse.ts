import { connectWallet, getAccrued, getBilling, getLease, settleLeases, WORKERS_ABI } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { until } from '../embedded.ts'

import type { Ground } from './ground.ts'

const _FMSPC: Hex = '0xc10157e20000'

/** A worker whose coverage runs out. */
export function lapseTests(ground: Ground): void {
  it('a worker that does not renew earns nothing from the second its coverage ended', {
    timeout: 120_000,
  }, async () => {
    const { network, daemons } = ground.stage.embedded
    const anyone = connectWallet(network, developmentAccount(network, 5))
    const rpc = (method: string, ...params: unknown[]) => anyone.client.request({ method, params } as never)
    const oak = daemons.get('oak')?.pid
    if (oak === undefined) throw new Error('oak does not run')
    process.kill(oak, 'SIGSTOP')
    try {
      // What it sent before it was stopped is in a block by then.
      const { number } = await anyone.client.getBlock()
      await until(
        'its last transaction is through',
        async () => (await anyone.client.getBlock()).number > number + 1n,
      )
      // Of one block, since what is asked about the present is reckoned with the present second.
      const { number: blockNumber, timestamp } = await anyone.client.getBlock()
      const [, coveredSeconds, end] = await anyone.client.readContract({
        address: network.contracts.workers,
        abi: WORKERS_ABI,
        functionName: 'billing',
        args: [ground.lease.worker],
        blockNumber,
      })
      const before = await getLease(anyone, ground.lease.lease)
      const settledAt = before.settledSeconds
      const ahead = Number(end - timestamp) + 500
      await rpc('evm_increaseTime', ahead)
      await until('the chain is there', async () => (await anyone.client.getBlock()).timestamp > end + 400n)
      // Seconds until the end, as the contract counts them, less those that were settled: to the unit.
      const unsettled = coveredSeconds + (end - timestamp) - BigInt(settledAt)
      const due = unsettled * before.ratePerSecond
      expect(due).toBeLessThan(before.balance)
      expect(await getAccrued(anyone, ground.lease.lease)).toBe(due)
      const lapsed = await ground.stage.json('status', 'mine')
      expect(lapsed).toMatchObject({ attestation: 'lapsed' })
      expect(lapsed.uncoveredSeconds).toBeGreaterThan(400)
      await settleLeases(anyone, [ground.lease.lease])
      expect(await getLease(anyone, ground.lease.lease)).toMatchObject({
        spent: before.spent + due,
        balance: before.balance - due,
      })
      await rpc('evm_increaseTime', 1_000)
      await until(
        'more time has passed',
        async () => (await anyone.client.getBlock()).timestamp > end + 1_400n,
      )
      expect(await getAccrued(anyone, ground.lease.lease)).toBe(0n)
    } finally {
      process.kill(oak, 'SIGCONT')
    }
    await until(
      'it is covered again',
      async () =>
        (await getBilling(anyone, ground.lease.worker)).until > (await anyone.client.getBlock()).timestamp,
      60_000,
    )
    await until('it earns again', async () => (await getAccrued(anyone, ground.lease.lease)) > 0n)
    const { stdout } = await ground.stage.cloister('status', 'mine')
    expect(stdout).toMatch(/not covered\s+\d+m.*which you did not pay for and cost the provider \d/)
  })
}
