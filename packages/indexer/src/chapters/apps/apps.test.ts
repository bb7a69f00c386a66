import { join } from 'node:path'
import {
  APPS_ABI,
  allowInApp,
  forbidInApp,
  freezeApp,
  getApp,
  registerApp,
  setUpgradeDelay,
  type Wallet,
} from '@cloister/chain'
import { AppPolicyRecord, AppRecord, pageOf } from '@cloister/core'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { openDatabase } from '../../database/open.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import { Plan } from '../../engine/plan.ts'
import { rewind } from '../../engine/rewind.ts'
import { writeSpan } from '../../engine/write.ts'
import { startTestIndex, type TestIndex } from '../../testing.ts'
import { CHAPTERS } from '../index.ts'
import { findSeats } from './queries.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`

let index: TestIndex
let owner: Wallet
let other: Wallet

beforeAll(async () => {
  index = await startTestIndex()
  const { chain } = index
  ;[owner, other] = [chain.wallet(4), chain.wallet(5)]
  for (const { account } of [owner, other]) await fundDevelopmentAccount(chain.wallet(0), account.address)
})
afterAll(() => index?.stop())

const rpc = (...call: Parameters<TestIndex['rpc']>) => index.rpc(...call)
const ask = <T extends z.ZodType>(path: string, schema: T) => index.ask(path, schema)
const write = async (wallet: Wallet, functionName: 'offerOwnership' | 'takeOwnership', args: unknown[]) => {
  const call = { address: index.chain.network.contracts.apps, abi: APPS_ABI, functionName, args }
  const hash = await wallet.wallet.writeContract(call as never)
  await wallet.client.waitForTransactionReceipt({ hash })
}

test('an app and its policy are what the chain says, also once the chain went another way', async () => {
  const app = await registerApp(owner, {
    name: 'shop',
    upgradeDelay: 600,
    manifests: [hash('a1')],
    measurements: [hash('b1')],
  })
  const second = await registerApp(owner, { name: 'blog', upgradeDelay: 0, manifests: [], measurements: [] })
  await allowInApp(owner, app, 'manifest', hash('a2'))
  await forbidInApp(owner, app, 'measurement', hash('b1'))
  const same = async () => {
    const found = await ask(`/v1/apps/${app}`, AppPolicyRecord)
    const onChain = await getApp(owner, app)
    const byHash = (one: { hash: string }, two: { hash: string }) => (one.hash < two.hash ? -1 : 1)
    expect(found).toMatchObject({
      app,
      name: 'shop',
      owner: onChain.owner,
      upgradeDelay: onChain.upgradeDelay,
    })
    expect(found.frozenAt).toBe(onChain.frozenAt)
    expect(found.manifests.sort(byHash)).toEqual(onChain.manifests.sort(byHash))
    expect(found.measurements.sort(byHash)).toEqual(onChain.measurements.sort(byHash))
    return found
  }
  expect((await same()).manifests).toHaveLength(2)
  const { items } = await ask(`/v1/apps?owner=${owner.account.address}`, pageOf(AppRecord))
  expect(items.map((one) => one.app)).toEqual([second, app])
  const snapshot = await rpc('evm_snapshot')
  await freezeApp(owner, app)
  await write(owner, 'offerOwnership', [app, other.account.address])
  expect((await same()).pendingOwner).toBe(other.account.address)
  await write(other, 'takeOwnership', [app])
  expect(await same()).toMatchObject({ owner: other.account.address, registeredBy: owner.account.address })
  expect((await ask(`/v1/apps?owner=${owner.account.address}`, pageOf(AppRecord))).items).toHaveLength(1)
  await rpc('evm_revert', snapshot)
  await rpc('evm_mine')
  await allowInApp(owner, app, 'measurement', hash('b2'))
  expect(await same()).toMatchObject({ owner: owner.account.address })
  expect((await ask(`/v1/apps?owner=${owner.account.address}`, pageOf(AppRecord))).items).toHaveLength(2)
})

test('a shorter upgrade delay holds once the present one has passed', async () => {
  const app = await registerApp(owner, { name: 'slow', upgradeDelay: 600, manifests: [], measurements: [] })
  await setUpgradeDelay(owner, app, 60)
  const { timestamp } = await owner.client.getBlock()
  expect(await ask(`/v1/apps/${app}`, AppPolicyRecord)).toMatchObject({
    upgradeDelay: 600,
    nextUpgradeDelay: { seconds: 60, from: Number(timestamp) + 600 },
  })
  await rpc('evm_increaseTime', 601)
  await rpc('evm_mine')
  expect((await ask(`/v1/apps/${app}`, AppPolicyRecord)).upgradeDelay).toBe(60)
  await setUpgradeDelay(owner, app, 30)
  await rpc('evm_mine')
  expect((await ask(`/v1/apps/${app}`, AppPolicyRecord)).upgradeDelay).toBe(60)
})

test('seats are known as they were last filled, and not those that were vacated', async () => {
  const { database, close } = await openDatabase(join(index.folder, 'seats'))
  const plan = new Plan(CHAPTERS, index.chain.network)
  const [lease, worker, provider] = [hash('11'), `0x${'22'.repeat(20)}`, `0x${'33'.repeat(20)}`]
  const write = (block: number, name: string, args: Record<string, unknown>) => {
    const event: ChainEvent = {
      contract: 'keyService',
      name,
      args,
      block,
      logIndex: 0,
      time: 1_000 + block,
      transaction: hash('44'),
    }
    return writeSpan(database, plan, [event], [{ block, hash: `0x${block}` }], 0)
  }
  // Governance may vacate a seat that nobody ever had.
  await write(1, 'SeatVacated', { seat: 2n })
  await write(2, 'SeatFilled', { seat: 0n, lease, worker, provider, manifestHash: hash('55') })
  await write(3, 'AbsenceReported', { seat: 0n, worker })
  const filled = { seat: 0, lease, worker, provider, manifestHash: hash('55'), filledAt: 1_002 }
  expect(await findSeats(database)).toEqual([{ ...filled, absentFrom: 1_003, served: false }])
  await write(4, 'SeatVacated', { seat: 0n })
  expect(await findSeats(database)).toEqual([])
  await rewind(database, plan, 2)
  expect(await findSeats(database)).toEqual([{ ...filled, served: false }])
  await close()
})
