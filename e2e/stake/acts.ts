// What accounts do: on the chain, and in the model.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claimIfItPays, Sequence } from '@cloister/agent'
import { delegate, EMISSION_ABI, SPLITTER_ABI, STAKE_ABI, signReceipt, syncCollateral } from '@cloister/chain'
import { receiptToJson } from '@cloister/core'
import { type Address, bytesToHex } from 'viem'
import { expect } from 'vitest'
import type { GpuWorker } from './gpu-workers.ts'
import { CLOI, type Ground } from './ground.ts'

/** A provider backs its worker's GPUs. */
export async function back(ground: Ground, { provider, key }: GpuWorker): Promise<void> {
  const own = provider.account.address
  await delegate(provider, own, 10_000n * CLOI)
  ground.economy.delegate((await ground.last('Delegated')).time, own, own, 10_000n * CLOI)
  await syncCollateral(provider, key.address)
  ground.economy.syncCollateral((await ground.last('CollateralSet')).time, key.address)
}

/** An account puts CLOI into a pool. */
export async function put(ground: Ground, account: number, to: number, amount: number): Promise<void> {
  const [own, provider] = [ground.address(account), ground.address(to)]
  const { transaction } = await ground.stake(account, 'delegate', provider, String(amount))
  ground.economy.delegate(await ground.timeOf(transaction), provider, own, BigInt(amount) * CLOI)
}

/** An account leaves a pool, with an amount or with all. Returns the exit's id. */
export async function leave(ground: Ground, account: number, from: number, amount?: number): Promise<bigint> {
  const [own, provider] = [ground.address(account), ground.address(from)]
  const words = amount === undefined ? [] : [String(amount)]
  const exit = await ground.stake(account, 'exit', provider, ...words)
  const { time } = await ground.last('ExitRequested')
  const id = ground.economy.requestExit(time, provider, own, BigInt(exit.shares))
  expect(BigInt(exit.id)).toBe(id)
  return id
}

/** An account stays after all. */
export async function stay(ground: Ground, account: number, exit: bigint): Promise<void> {
  await ground.stake(account, 'cancel', String(exit))
  ground.economy.cancelExit((await ground.last('ExitCancelled')).time, exit)
}

/** An account moves stake from one pool to another. */
export async function move(ground: Ground, account: number, from: number, to: number): Promise<void> {
  const [own, one, other] = [ground.address(account), ground.address(from), ground.address(to)]
  const { shares } = await ground.stake(account, 'move', one, other, '120')
  ground.economy.redelegate((await ground.last('Redelegated')).time, one, other, own, BigInt(shares))
}

/** An account has its rewards paid out. */
export async function claim(ground: Ground, account: number): Promise<void> {
  const own = ground.address(account)
  const { amount, pools } = await ground.stake(account, 'claim')
  const { time } = await ground.last('RewardClaimed')
  const expected = (pools as Address[]).reduce(
    (sum, provider) => sum + ground.economy.claimReward(time, provider, own),
    0n,
  )
  expect(BigInt(amount), `claim of dev${account}`).toBe(expected)
}

/** A worker's agent claims for its provider, which pays once and not again right after that. */
export async function claimAsAgent(ground: Ground, account: number): Promise<void> {
  const provider = ground.address(account)
  const ask = () =>
    claimIfItPays({
      wallet: ground.wallet(0),
      provider,
      config: { claim: true, cloiPerEther: 10_000, timesGas: 20 },
      sequence: new Sequence(),
      log: () => {},
    })
  const claimed = await ask()
  const { time } = await ground.last('RewardClaimed')
  expect(claimed).toBe(ground.economy.claimReward(time, provider, provider))
  expect(claimed).toBeGreaterThan(0n)
  expect(await ask()).toBe(0n)
}

/** A provider takes another commission. */
export async function setCommission(ground: Ground, account: number): Promise<void> {
  await ground.stage.json('provider', 'commission', '10', '--account', `dev${account}`)
  ground.economy.setCommission((await ground.last('CommissionSet')).time, ground.address(account), 1_000n)
}

/** Account 8 reports two receipts of the first provider's worker for one unit of work, and is paid for it. */
export async function slashFirst(ground: Ground): Promise<void> {
  const { economy, stage } = ground
  const [{ key }] = ground.workers as [GpuWorker]
  const [provider, reporter] = [ground.address(1), ground.address(8)]
  const receipt = {
    worker: key.address,
    lease: bytesToHex(new Uint8Array(32).fill(1)),
    era: 1n,
    sequence: 7n,
  }
  for (const [name, byte] of [
    ['one', 3],
    ['two', 4],
  ] as const) {
    const content = bytesToHex(new Uint8Array(32).fill(byte))
    const signed = await signReceipt(stage.embedded.network, key, { ...receipt, content })
    writeFileSync(join(stage.folder, `${name}.json`), JSON.stringify(receiptToJson(signed)))
  }
  const same = await stage.cloister('stake', 'report', 'one.json', 'one.json', '--account', 'dev8')
  expect(same).toMatchObject({ code: 1 })
  expect(same.stderr).toContain('do not contradict')
  const report = await ground.stake(8, 'report', 'one.json', 'two.json')
  const { time } = await ground.last('Slashed')
  const taken = economy.slash(time, provider, economy.penaltyOf(provider, 500n), reporter, 2_000n)
  expect(BigInt(report.taken)).toBe(taken)
  expect(BigInt(report.reward)).toBe(taken / 5n)
  const again = await stage.cloister('stake', 'report', 'two.json', 'one.json', '--account', 'dev8')
  expect(again.stderr).toContain('reported already')
  const { items } = await ground.synced((index) => index.slashes({ provider }))
  expect(items[0]).toMatchObject({ offence: 'receipts', reporter, reward: report.reward })
}

/** The treasury gets its part of emission, and what no pool earned. */
export async function collect(ground: Ground): Promise<void> {
  const { client, network, wallet } = ground.wallet(0)
  const { emission, stake, splitter = '0x' } = network.contracts
  const first = await wallet.writeContract({
    address: emission,
    abi: EMISSION_ABI,
    functionName: 'collect',
    args: [10_000n],
    gas: 8_000_000n,
  })
  await client.waitForTransactionReceipt({ hash: first })
  ground.economy.collect(await ground.timeOf(first), 10_000)
  const second = await wallet.writeContract({
    address: stake,
    abi: STAKE_ABI,
    functionName: 'collectUnearned',
  })
  await client.waitForTransactionReceipt({ hash: second })
  ground.economy.collectUnearned(await ground.timeOf(second))
  // Emission comes by way of what divides it; the community pool's share is nothing yet.
  const third = await wallet.writeContract({
    address: splitter,
    abi: SPLITTER_ABI,
    functionName: 'split',
    args: [ground.cloi],
  })
  await client.waitForTransactionReceipt({ hash: third })
}
