import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ADMISSION_ABI,
  EMISSION_ABI,
  findToken,
  MARKET_ABI,
  SLASHING_ABI,
  STAKE_ABI,
  TOKEN_ABI,
  WORKERS_ABI,
} from '@cloister/chain'
import { EMISSION_TOTAL } from '@cloister/economy'
import { type Address, encodeFunctionData, getAddress, parseAbi, parseEventLogs, zeroAddress } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DevelopmentChain, startDevelopmentChain } from './chain.ts'

let chain: DevelopmentChain
beforeAll(async () => {
  chain = await startDevelopmentChain()
})
afterAll(() => chain.stop())

const OWNED = parseAbi([
  'function owner() view returns (address)',
  'function pendingOwner() view returns (address)',
])

it('says who may slash, pay and create tokens once, and leaves nobody who can say otherwise at once', async () => {
  const { client, account, network } = chain.wallet(0)
  const { contracts } = network
  const cloi = findToken(network, 'CLOI').address
  const treasury = chain.wallet(9).account.address
  const read = (
    address: Address,
    abi: typeof STAKE_ABI | typeof EMISSION_ABI | typeof SLASHING_ABI | typeof MARKET_ABI,
    functionName: string,
  ) =>
    client
      .readContract({ address, abi: abi as typeof STAKE_ABI, functionName: functionName as 'slasher' })
      .then((found) => getAddress(found))
  expect(await read(contracts.stake, STAKE_ABI, 'slasher')).toBe(contracts.slashing)
  expect(await read(contracts.stake, STAKE_ABI, 'rewarder')).toBe(contracts.emission)
  expect(await read(contracts.slashing, SLASHING_ABI, 'stake')).toBe(contracts.stake)
  expect(await read(contracts.slashing, SLASHING_ABI, 'market')).toBe(contracts.market)
  expect(await read(contracts.emission, EMISSION_ABI, 'stake')).toBe(contracts.stake)
  expect(await read(contracts.emission, EMISSION_ABI, 'token')).toBe(cloi)
  for (const [address, abi] of [
    [contracts.stake, STAKE_ABI],
    [contracts.emission, EMISSION_ABI],
    [contracts.market, MARKET_ABI],
  ] as const)
    expect(await read(address, abi, 'treasury')).toBe(treasury)
  expect(
    await client.readContract({ address: contracts.workers, abi: WORKERS_ABI, functionName: 'observer' }),
  ).toBe(contracts.emission)
  for (const address of [contracts.platforms, contracts.workers])
    expect(await client.readContract({ address, abi: WORKERS_ABI, functionName: 'admission' })).toBe(
      contracts.admission,
    )
  // One owner, and none that waits.
  const { platforms: _, apps, revocationFund, ...owned } = contracts
  for (const address of [...Object.values(owned), cloi]) {
    expect(await client.readContract({ address, abi: OWNED, functionName: 'owner' })).toBe(account.address)
    expect(await client.readContract({ address, abi: OWNED, functionName: 'pendingOwner' })).toBe(zeroAddress)
  }

  for (const address of [contracts.platforms, apps, revocationFund])
    await expect(client.readContract({ address, abi: OWNED, functionName: 'owner' })).rejects.toThrow(
      'reverted',
    )

  // Supply: emission's allotment is whole, the accounts of this network have theirs, and nobody else has
  // any. No account has a role.
  const logs = parseEventLogs({
    abi: TOKEN_ABI,
    eventName: 'Allotted',
    logs: await client.getLogs({ address: cloi, fromBlock: 0n }),
  })
  const allotted = new Map<Address, bigint>()
  for (const { args } of logs) allotted.set(args.minter, (allotted.get(args.minter) ?? 0n) + args.amount)
  expect([...allotted.keys()].sort()).toEqual([account.address, contracts.emission].sort())
  const supply = await client.readContract({ address: cloi, abi: TOKEN_ABI, functionName: 'totalSupply' })
  expect(allotted.get(contracts.emission)).toBe(EMISSION_TOTAL)
  expect(allotted.get(account.address)).toBe(supply)
  expect(
    await client.readContract({
      address: cloi,
      abi: TOKEN_ABI,
      functionName: 'allotted',
      args: [account.address],
    }),
  ).toBe(0n)
  expect(TOKEN_ABI.some((item) => item.type === 'function' && /role/i.test(item.name))).toBe(false)

  // Whatever its owner asks for at once is refused.
  const attempts = [
    [
      contracts.stake,
      encodeFunctionData({ abi: STAKE_ABI, functionName: 'setSlasher', args: [account.address] }),
    ],
    [
      contracts.stake,
      encodeFunctionData({
        abi: STAKE_ABI,
        functionName: 'slash',
        args: [contracts.market, 1n, account.address, 0n, `0x${'00'.repeat(32)}`],
      }),
    ],
    [
      contracts.stake,
      encodeFunctionData({ abi: STAKE_ABI, functionName: 'transferOwnership', args: [treasury] }),
    ],
    [
      contracts.emission,
      encodeFunctionData({ abi: EMISSION_ABI, functionName: 'pay', args: [account.address, 1n] }),
    ],
    [cloi, encodeFunctionData({ abi: TOKEN_ABI, functionName: 'mint', args: [account.address, 1n] })],
    [cloi, encodeFunctionData({ abi: TOKEN_ABI, functionName: 'allot', args: [account.address, 1n] })],
    [
      contracts.market,
      encodeFunctionData({ abi: MARKET_ABI, functionName: 'setNoticePeriod', args: [3_600n] }),
    ],
    [
      contracts.workers,
      encodeFunctionData({ abi: WORKERS_ABI, functionName: 'setVerdictThreshold', args: [16n] }),
    ],
    [
      contracts.admission,
      encodeFunctionData({ abi: ADMISSION_ABI, functionName: 'setImage', args: [`0x${'11'.repeat(32)}`, 3] }),
    ],
  ] as const
  for (const [to, data] of attempts)
    await expect(client.call({ account: account.address, to, data }), data.slice(0, 10)).rejects.toThrow()
})

/**
 * Functions that only the owner may call and that take effect at once, and why that takes nothing from
 * anybody.
 */
const AT_ONCE = {
  announce: 'it says what is to come, in 22 days',
  callOff: 'what was announced does not come',
  setCollateralPerGpu: 'it waits 22 days by itself, so that more can be locked by then',
  setToken: 'a higher fee is announced',
  propose: 'a slash waits a week, is bounded, and is not repeated before people have left',
  cancel: 'a slash does not come',
  raiseFloor: 'it keeps platforms out for 29 days, and not again for 22',
  lowerFloor: 'it goes back to the floor that was announced',
  suspendImage: 'it keeps an image out for 29 days, and not again for 22, or takes that back',
  setManifest: 'the first one, before which nothing is sealed; others are announced',
  vacate: 'one seat a week, which can be filled from the others by then',
}

it('has an owner that takes nothing and lets nobody in at once', () => {
  const folder = join(import.meta.dirname, '../../../contracts/src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sol'),
  )
  const found = sources.flatMap((name) => {
    const source = readFileSync(join(folder, name), 'utf8')
    return [...source.matchAll(/function (\w+)\([^{;]*onlyOwner[^{;]*\{([\s\S]*?)\n {4}\}/g)].map(
      ([, called = '', body = '']) => ({ called, body }),
    )
  })
  expect(found.length).toBeGreaterThan(20)
  for (const { called, body } of found)
    if (!(called in AT_ONCE)) expect(body, called).toMatch(/^\s*_useAnnouncement\(\);/)
  expect(Object.keys(AT_ONCE).filter((name) => !found.some(({ called }) => called === name))).toEqual([])
})
