import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ADMISSION_ABI,
  governedContracts,
  MARKET_ABI,
  SLASHING_ABI,
  STAKE_ABI,
  type Wallet,
} from '@cloister/chain'
import { GovernanceRecord } from '@cloister/core'
import { type Abi, type Address, encodeFunctionData, type Hex, keccak256, stringToHex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestIndex, type TestIndex } from '../../testing.ts'
import { EFFECTS, effectOf } from './events.ts'

const DAY = 86_400
const FMSPC: Hex = '0xc10157e20000'
const REASON: Hex = `0x${'77'.repeat(32)}`

let index: TestIndex
let chain: TestIndex['chain']
let owner: Wallet
let treasury: Address

beforeAll(async () => {
  index = await startTestIndex()
  chain = index.chain
  owner = chain.governance
  treasury = chain.wallet(8).account.address
})
afterAll(() => index?.stop())

const act = async (address: Address, abi: Abi, functionName: string, args: unknown[]) => {
  const hash = await owner.wallet.writeContract({ address, abi, functionName, args })
  const { status, blockNumber } = await owner.client.waitForTransactionReceipt({ hash })
  expect(status).toBe('success')
  return Number((await owner.client.getBlock({ blockNumber })).timestamp)
}
const pass = async (seconds: number) => {
  await index.rpc('evm_increaseTime', seconds)
  await index.rpc('evm_mine')
}
const asked = () => index.ask('/v1/governance', GovernanceRecord)

test('an announcement is known with its call, its owner and its time, and so is what became of it', async () => {
  const { market, stake } = chain.network.contracts
  const call = encodeFunctionData({ abi: MARKET_ABI, functionName: 'setTreasury', args: [treasury] })
  const notice = encodeFunctionData({ abi: MARKET_ABI, functionName: 'setNoticePeriod', args: [3_600n] })
  // The same call means another treasury elsewhere.
  await act(stake, STAKE_ABI as Abi, 'announce', [
    encodeFunctionData({ abi: STAKE_ABI, functionName: 'setTreasury', args: [treasury] }),
  ])
  await act(market, MARKET_ABI as Abi, 'announce', [stringToHex('nothing')])
  await act(market, MARKET_ABI as Abi, 'announce', [notice])
  const announcedAt = await act(market, MARKET_ABI as Abi, 'announce', [call])
  const first = await asked()
  expect(first.announcements).toHaveLength(4)
  expect(first.announcements[0]).toMatchObject({
    contract: 'market',
    address: market,
    change: keccak256(call),
    call,
    function: 'setTreasury',
    args: { treasury },
    by: owner.account.address,
    announcedAt,
    readyAt: announcedAt + 22 * DAY,
    expiresAt: announcedAt + 36 * DAY,
    state: 'waiting',
  })
  expect(first.announcements[2]?.function).toBeUndefined()
  const endedAt = await act(market, MARKET_ABI as Abi, 'callOff', [keccak256(notice)])
  await pass(22 * DAY)
  expect((await asked()).announcements.map(({ state }) => state)).toEqual([
    'ready',
    'called-off',
    'ready',
    'ready',
  ])
  const madeAt = await act(market, MARKET_ABI as Abi, 'setTreasury', [treasury])
  const made = (await asked()).announcements
  expect(made[0]).toMatchObject({ state: 'made', endedAt: madeAt })
  expect(made[1]).toMatchObject({ state: 'called-off', endedAt, args: { seconds: '3600' } })
  expect(made[3]).toMatchObject({ contract: 'stake', state: 'ready' })
  // Announced once more before it was made: the first is over.
  await act(stake, STAKE_ABI as Abi, 'announce', [made[3]?.call])
  await pass(37 * DAY)
  expect((await asked()).announcements.map(({ contract, state }) => `${contract} ${state}`)).toEqual([
    'stake expired',
    'market made',
    'market called-off',
    'market expired',
    'stake replaced',
  ])
})

test('more collateral takes effect by itself, and says so', async () => {
  const gpuClass = stringToHex('h100', { size: 32 })
  const at = await act(chain.network.contracts.stake, STAKE_ABI as Abi, 'setCollateralPerGpu', [gpuClass, 5n])
  const [one] = (await asked()).announcements
  expect(one).toMatchObject({
    contract: 'stake',
    function: 'setCollateralPerGpu',
    args: { gpuClass, amount: '5' },
    readyAt: at + 22 * DAY,
    state: 'waiting',
  })
  expect(one?.change).toBeUndefined()
  await pass(22 * DAY)
  expect((await asked()).announcements[0]?.state).toBe('made')
})

test('measurements and families of platforms are suspended until they are given back, or the time is over', async () => {
  const { admission } = chain.network.contracts
  const [one, other]: [Hex, Hex] = [`0x${'a1'.repeat(32)}`, `0x${'a2'.repeat(32)}`]
  const floor = await owner.client.readContract({
    address: admission,
    abi: ADMISSION_ABI,
    functionName: 'floorOf',
    args: [FMSPC],
  })
  // Nothing is given back where nothing was taken.
  await act(admission, ADMISSION_ABI as Abi, 'suspendMeasurement', [other, 0])
  const since = await act(admission, ADMISSION_ABI as Abi, 'suspendMeasurement', [one, 3])
  await act(admission, ADMISSION_ABI as Abi, 'suspendMeasurement', [other, 2])
  await act(admission, ADMISSION_ABI as Abi, 'raiseFloor', [FMSPC, { ...floor, pceSvn: 99 }])
  const { suspensions } = await asked()
  expect(suspensions.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    'floor in-force',
    'measurement in-force',
    'measurement in-force',
  ])
  expect(suspensions[0]).toMatchObject({ fmspc: FMSPC, floor: { pceSvn: '99' }, by: owner.account.address })
  expect(
    suspensions.find((found) => found.kind === 'measurement' && found.measurement === one),
  ).toMatchObject({
    roles: 3,
    since,
    until: since + 29 * DAY,
  })
  await act(admission, ADMISSION_ABI as Abi, 'lowerFloor', [FMSPC])
  await act(admission, ADMISSION_ABI as Abi, 'suspendMeasurement', [other, 0])
  // Within its time one can be narrowed; it ends when it would have ended.
  await act(admission, ADMISSION_ABI as Abi, 'suspendMeasurement', [one, 1])
  const now = (await asked()).suspensions
  expect(now.map(({ state }) => state).sort()).toEqual(['in-force', 'lifted', 'lifted'])
  expect(now.find(({ state }) => state === 'in-force')).toMatchObject({
    measurement: one,
    roles: 1,
    until: since + 29 * DAY,
  })
  await pass(29 * DAY)
  expect((await asked()).suspensions.map(({ state }) => state).sort()).toEqual(['lifted', 'lifted', 'over'])
})

test('a proposed slash is known until it is over', async () => {
  const { slashing } = chain.network.contracts
  const [first, second] = [chain.wallet(6).account.address, chain.wallet(7).account.address]
  const at = await act(slashing, SLASHING_ABI as Abi, 'propose', [first, 500n, REASON])
  await act(slashing, SLASHING_ABI as Abi, 'propose', [second, 100n, REASON])
  await act(slashing, SLASHING_ABI as Abi, 'cancel', [2n])
  const { proposals } = await asked()
  expect(proposals.map(({ id, state }) => `${id} ${state}`)).toEqual(['2 cancelled', '1 waiting'])
  expect(proposals[1]).toMatchObject({
    provider: first,
    bps: 500,
    reason: REASON,
    by: owner.account.address,
    proposedAt: at,
    readyAt: at + 7 * DAY,
  })
  await pass(7 * DAY)
  expect((await asked()).proposals[1]?.state).toBe('ready')
  await pass(14 * DAY)
  expect((await asked()).proposals[1]?.state).toBe('expired')
})

test('whatever is announced in the contracts says when it is made, with the values it was announced with', async () => {
  const sources = join(import.meta.dirname, '../../../../../contracts/src')
  const found = new Set<string>()
  for (const name of (await readdir(sources, { recursive: true })).filter((file) => file.endsWith('.sol')))
    for (const [, called = ''] of (await readFile(join(sources, name), 'utf8')).matchAll(
      /function (\w+)\([^{;]*\{\s*_useAnnouncement\(\);/g,
    ))
      found.add(called)
  expect([...found, 'setToken', 'setManifest'].filter((name) => !(name in EFFECTS))).toEqual([])
  const plainly = (name = '') => name.replace(/_$/, '')
  for (const { name: contract, abi } of governedContracts(chain.network))
    for (const item of abi) {
      const effect = item.type === 'function' ? effectOf(item.name) : undefined
      if (item.type !== 'function' || effect === undefined) continue
      const event = abi.find((candidate) => candidate.type === 'event' && candidate.name === effect)
      const names = event?.type === 'event' ? event.inputs.map(({ name }) => plainly(name)) : []
      for (const { name } of item.inputs) expect(names, `${contract}.${item.name}`).toContain(plainly(name))
    }
})
