import { classOf, type EconomyStage, raiseEconomy } from '@cloister/development/economy-stage'
import { type Address, parseEventLogs } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Wallet } from '../../client.ts'
import { STAKE_ABI } from '../../generated/abis.ts'
import { cancelExit, claimRewards, getPosition } from './stake.ts'

const CLOI = 10n ** 18n
const WORKER: Address = '0xf000000000000000000000000000000000000001'

let stage: EconomyStage
let provider: Wallet
/** Acts on the stage's contracts. */
const walletOf = (index: number): Wallet => {
  const wallet = stage.chain.wallet(index)
  const { stake, emission, workers } = stage
  return {
    ...wallet,
    network: { ...wallet.network, contracts: { ...wallet.network.contracts, stake, emission, workers } },
  }
}
const pass = (seconds: number) =>
  provider.client.request({ method: 'evm_increaseTime', params: [seconds] } as never)

/** A pool whose GPU earned an hour, so that there are hours to look through from then on. */
beforeAll(async () => {
  stage = await raiseEconomy()
  provider = walletOf(1)
  const { address } = provider.account
  await stage.fund(address, 10_000n * CLOI)
  await stage.send(stage.governance, 'workers', 'join', WORKER, address)
  await stage.send(address, 'stake', 'delegate', address, 5_000n * CLOI)
  await pass(200)
  await stage.send(stage.governance, 'workers', 'cover', WORKER, 86_400n)
  await stage.send(stage.governance, 'workers', 'confirm', WORKER, classOf('h100'), 1, 86_400n)
  await stage.send(address, 'stake', 'syncCollateral', WORKER)
}, 60_000)
afterAll(() => stage?.stop())

test('an exit is cancelled after weeks in which nobody settled the pool', async () => {
  const { address } = provider.account
  const { shares } = await getPosition(provider, address, address)
  const asked = await stage.send(address, 'stake', 'requestExit', address, shares / 4n)
  const [exit] = parseEventLogs({ abi: STAKE_ABI, eventName: 'ExitRequested', logs: asked?.logs ?? [] })
  const id = exit?.args.id ?? 0n
  // More hours than one settlement looks at.
  await pass(40 * 86_400)
  expect(await stage.send(address, 'stake', 'cancelExit', id)).toBeUndefined()
  await cancelExit(provider, id)
  expect((await getPosition(provider, address, address)).worth).toBe(5_000n * CLOI)
})

test('rewards of very many positions are claimed in several transactions, and added up', async () => {
  const { address } = provider.account
  await pass(3_600)
  const anybody = walletOf(2)
  const sent = () => anybody.client.getTransactionCount({ address: anybody.account.address })
  const before = await sent()
  const claimed = await claimRewards(anybody, new Array(41).fill({ provider: address, account: address }))
  expect((await sent()) - before).toBe(3)
  expect(claimed).toBeGreaterThan(0n)
  expect(await stage.read('token', 'balanceOf', address)).toBe(5_000n * CLOI + claimed)
})
