import { Economy } from '@cloister/core'
import {
  type Abi,
  type Address,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  keccak256,
  parseEventLogs,
  stringToHex,
  type TransactionReceipt,
  toHex,
} from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DevelopmentChain, startDevelopmentChain } from './anvil.ts'
import { EMISSION_ABI, STAKE_ABI, TEST_WORKERS_ABI, TOKEN_ABI } from './generated/abis.ts'
import { EMISSION_BYTECODE, STAKE_BYTECODE, TEST_WORKERS_BYTECODE, TOKEN_BYTECODE } from './generated/bytecode.ts'

const CLOI = 10n ** 18n
const CLASSES = { h100: [1_250n, 10], h200: [1_875n, 15], b200: [2_250n, 18] } as const
const PROVIDERS = [1, 2, 3, 4] as const
const STEPS = 240

let chain: DevelopmentChain
beforeAll(async () => {
  chain = await startDevelopmentChain()
}, 60_000)
afterAll(() => chain.stop())

/**
 * Stake and Emission on a real chain, with workers whose coverage is a matter of saying so, against the model: the same things
 * done at the same instants. What the chain refuses the model isn't told of.
 */
test('the model agrees with the contracts to the unit, whatever is done in whatever order', async () => {
  const governance = chain.wallet(0)
  const { client, account } = governance
  const nonce = await client.getTransactionCount({ address: account.address })
  const [token, workers, stake, emission] = [0, 1, 2, 3].map((i) => getContractAddress({ from: account.address, nonce: BigInt(nonce + i) })) as [
    Address,
    Address,
    Address,
    Address,
  ]
  const treasury = '0x00000000000000000000000000000000000007ea' as const
  const start = (await client.getBlock()).timestamp + 100n
  for (const [abi, bytecode, args] of [
    [TOKEN_ABI, TOKEN_BYTECODE, [account.address]],
    [TEST_WORKERS_ABI, TEST_WORKERS_BYTECODE, []],
    [STAKE_ABI, STAKE_BYTECODE, [account.address, token, workers, emission, treasury, start]],
    [EMISSION_ABI, EMISSION_BYTECODE, [account.address, token, workers, stake, treasury]],
  ] as [Abi, Hex, unknown[]][])
    await governance.wallet.deployContract({ abi, bytecode, args })

  /** Sends as one of the ten accounts; the instant it happened at, or undefined where the chain refuses. */
  const send = async (who: number, address: Address, abi: Abi, functionName: string, args: unknown[]) => {
    // anvil signs for its own accounts, and a transaction is in a block a moment after it is taken.
    const request = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
    const data = encodeFunctionData({ abi, functionName, args })
    const hash = await request({ method: 'eth_sendTransaction', params: [{ from: addressOf(who), to: address, data, gas: '0x7a1200' }] })
    let receipt: TransactionReceipt | undefined
    while (!receipt) receipt = await client.getTransactionReceipt({ hash: hash as Hex }).catch(() => undefined)
    if (receipt.status !== 'success') return undefined
    taken++
    return { at: Number((await client.getBlock({ blockNumber: receipt.blockNumber })).timestamp), logs: receipt.logs }
  }
  let taken = 0
  const addresses = Array.from({ length: 10 }, (_, who) => chain.wallet(who).account.address)
  const addressOf = (who: number) => addresses[who] as Address
  const economy = new Economy({ start: Number(start), treasury })
  const minter = keccak256(toHex('MINTER'))
  for (const to of [account.address, emission]) await send(0, token, TOKEN_ABI, 'grantRole', [minter, to])
  await send(0, workers, TEST_WORKERS_ABI, 'setObserver', [emission])
  await send(0, stake, STAKE_ABI, 'setSlasher', [account.address])
  for (const [name, [collateral, weight]] of Object.entries(CLASSES)) {
    const done = await send(0, stake, STAKE_ABI, 'setCollateralPerGpu', [stringToHex(name, { size: 32 }), collateral * CLOI])
    economy.setCollateralPerGpu(done?.at ?? 0, name, collateral * CLOI)
    await send(0, emission, EMISSION_ABI, 'setClassWeight', [stringToHex(name, { size: 32 }), weight])
    economy.weights.classWeight.set(name, weight)
  }
  for (let who = 0; who < 10; who++) {
    await send(0, token, TOKEN_ABI, 'mint', [addressOf(who), 1_000_000n * CLOI])
    await send(who, token, TOKEN_ABI, 'approve', [stake, 2n ** 255n])
  }
  const workerOf = (provider: number) => `0x${'f0'.padEnd(38, '0')}0${provider}` as Address
  for (const provider of PROVIDERS) {
    await send(0, workers, TEST_WORKERS_ABI, 'join', [workerOf(provider), addressOf(provider)])
    economy.join(workerOf(provider), addressOf(provider))
    const done = await send(provider, stake, STAKE_ABI, 'delegate', [addressOf(provider), 6_000n * CLOI])
    economy.delegate(done?.at ?? 0, addressOf(provider), addressOf(provider), 6_000n * CLOI)
  }

  // Seeded, so that a failure can be looked at again.
  let seed = 20_261_121
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fffffff
    return seed % below
  }
  const exits: bigint[] = []
  const shares = async (provider: number, who: number) =>
    (await client.readContract({ address: stake, abi: STAKE_ABI, functionName: 'positionOf', args: [addressOf(provider), addressOf(who)] }))[0]
  const gpusOf: Record<number, number> = {}
  const pass = (seconds: number) => client.request({ method: 'evm_increaseTime', params: [seconds] } as never)
  const renew = async (provider: number, seconds: number) => {
    const worker = workerOf(provider)
    const covered = await send(0, workers, TEST_WORKERS_ABI, 'cover', [worker, BigInt(seconds)])
    if (covered) economy.cover(covered.at, worker, seconds)
    const name = (['h100', 'h200', 'b200'] as const)[provider % 3] ?? 'h100'
    const gpus = gpusOf[provider] ?? 1
    const confirmed = await send(0, workers, TEST_WORKERS_ABI, 'confirm', [worker, stringToHex(name, { size: 32 }), BigInt(gpus), BigInt(seconds)])
    if (confirmed) economy.confirmGpus(confirmed.at, worker, name, gpus, seconds)
    const locked = await send(provider, stake, STAKE_ABI, 'setCollateral', [worker])
    if (locked) economy.setCollateral(locked.at, worker)
  }
  const acts: (() => Promise<unknown>)[] = [
    async () => {
      const [who, provider, amount] = [random(10), random(4) + 1, BigInt(random(3_000_000)) * 10n ** 15n + 1n]
      const done = await send(who, stake, STAKE_ABI, 'delegate', [addressOf(provider), amount])
      return done && economy.delegate(done.at, addressOf(provider), addressOf(who), amount)
    },
    async () => {
      const [who, provider] = [random(10), random(4) + 1]
      const part = ((await shares(provider, who)) * BigInt(random(100) + 1)) / 100n
      const done = await send(who, stake, STAKE_ABI, 'requestExit', [addressOf(provider), part])
      if (!done) return undefined
      const [log] = parseEventLogs({ abi: STAKE_ABI, eventName: 'ExitRequested', logs: done.logs })
      const id = economy.requestExit(done.at, addressOf(provider), addressOf(who), part)
      expect(log?.args.id).toBe(id)
      exits.push(id)
      return id
    },
    async () => {
      const id = exits[random(exits.length || 1)]
      if (id === undefined) return undefined
      const [{ account: owner }] = [await client.readContract({ address: stake, abi: STAKE_ABI, functionName: 'exitOf', args: [id] })]
      const who = [...Array(10).keys()].find((index) => addressOf(index) === owner)
      if (who === undefined) return undefined
      if (random(2) === 0) {
        const done = await send(who, stake, STAKE_ABI, 'cancelExit', [id])
        return done && economy.cancelExit(done.at, id)
      }
      const done = await send(who, stake, STAKE_ABI, 'withdraw', [id])
      return done && economy.withdraw(id)
    },
    async () => {
      const [who, from, to] = [random(10), random(4) + 1, random(4) + 1]
      const part = (await shares(from, who)) / BigInt(random(3) + 1)
      const done = await send(who, stake, STAKE_ABI, 'redelegate', [addressOf(from), addressOf(to), part])
      return done && economy.redelegate(done.at, addressOf(from), addressOf(to), addressOf(who), part)
    },
    async () => {
      const [who, provider] = [random(10), random(4) + 1]
      const done = await send(0, stake, STAKE_ABI, 'claimReward', [addressOf(provider), addressOf(who)])
      return done && economy.claimReward(done.at, addressOf(provider), addressOf(who))
    },
    async () => {
      const [provider, bps] = [random(4) + 1, BigInt(random(3_000))]
      const done = await send(provider, stake, STAKE_ABI, 'setCommission', [bps])
      return done && economy.setCommission(done.at, addressOf(provider), bps)
    },
    async () => {
      const [provider, amount] = [random(4) + 1, BigInt(random(400)) * CLOI + 7n]
      const done = await send(0, stake, STAKE_ABI, 'slash', [addressOf(provider), amount, addressOf(9), 1_000n, toHex('proof', { size: 32 })])
      return done && economy.slash(done.at, addressOf(provider), amount, addressOf(9), 1_000n)
    },
    async () => {
      const provider = random(4) + 1
      gpusOf[provider] = random(3) + 1
      await renew(provider, random(4) === 0 ? 86_400 : 3_600)
    },
    async () => {
      const provider = random(4) + 1
      if (random(4) > 0) return undefined
      const done = await send(0, workers, TEST_WORKERS_ABI, 'depart', [workerOf(provider)])
      return done && economy.depart(done.at, workerOf(provider))
    },
    async () => {
      const done = await send(0, emission, EMISSION_ABI, 'collect', [BigInt(random(400))])
      if (!done) return undefined
      const [log] = parseEventLogs({ abi: EMISSION_ABI, eventName: 'Collected', logs: done.logs })
      return economy.collect(done.at, Number(log?.args.to ?? 0n) - collectedTo(log?.args.to))
    },
    async () => {
      // Some hours in which most are there, or days in which nobody is.
      for (let i = random(5); i >= 0; i--) {
        for (const provider of PROVIDERS) if (random(12) > 0) await renew(provider, 3_600)
        await pass(1_000 + random(1_500))
      }
      if (random(8) === 0) await pass(random(4 * 86_400))
    },
    async () => {
      const [name, amount] = [(['h100', 'h200', 'b200'] as const)[random(3)] ?? 'h100', BigInt(1_000 + random(1_000)) * CLOI]
      if (random(6) > 0) return undefined
      const done = await send(0, stake, STAKE_ABI, 'setCollateralPerGpu', [stringToHex(name, { size: 32 }), amount])
      return done && economy.setCollateralPerGpu(done.at, name, amount)
    },
  ]
  let lastCollected = 0
  const collectedTo = (to: bigint | undefined) => {
    const before = lastCollected
    lastCollected = Number(to ?? 0n)
    return before
  }
  for (let step = 0; step < STEPS; step++) {
    const act = acts[random(acts.length)]
    await act?.()
    if (step % 40 !== 39) continue
    for (const provider of PROVIDERS) {
      const done = await send(0, stake, STAKE_ABI, 'settle', [addressOf(provider)])
      economy.settle(done?.at ?? 0, addressOf(provider))
    }
    await compare()
  }
  expect(taken).toBeGreaterThan(STEPS / 2)
  // What GPUs earned is part of it.
  const last = economy.weights.epochAt(Number((await client.getBlock()).timestamp))
  for (const provider of PROVIDERS) expect(economy.weights.earned(addressOf(provider), 0, last)).toBeGreaterThan(0n)

  async function compare() {
    const at = Number((await client.getBlock()).timestamp)
    const read = (address: Address, abi: Abi, functionName: string, ...args: unknown[]) => client.readContract({ address, abi, functionName, args })
    const checks: Promise<void>[] = []
    const check = (what: string, asked: Promise<unknown>, expected: unknown) => checks.push(asked.then((found) => expect(found, what).toEqual(expected)))
    for (const account_ of [...addresses, treasury]) {
      const before = account_ === treasury ? 0n : 1_000_000n * CLOI
      check(`balance of ${account_}`, read(token, TOKEN_ABI, 'balanceOf', account_), before + (economy.balances.get(account_) ?? 0n))
    }
    check('minted', read(emission, EMISSION_ABI, 'minted'), economy.minted)
    const now = economy.weights.epochAt(at)
    for (const provider of PROVIDERS.map(addressOf)) {
      const { assets, shares: all, exitAssets, exitShares, locked, rewardPerShare, providerOwed } = economy.poolOf(provider)
      checks.push(
        read(stake, STAKE_ABI, 'poolOf', provider).then((pool) =>
          expect(pool).toMatchObject({ assets, shares: all, exitAssets, exitShares, locked, rewardPerShare, providerOwed }),
        ),
      )
      for (const who of addresses) {
        const { shares: held, worth, rewards } = economy.positionOf(provider, who)
        check(`position of ${who}`, read(stake, STAKE_ABI, 'positionOf', provider, who), [held, worth, rewards])
      }
      for (let epoch = Math.max(0, now - 3); epoch < now + 25; epoch++) {
        const weights = [economy.weights.weightOf(provider, epoch), economy.weights.totals.at(epoch)].map(BigInt)
        check(`weights in epoch ${epoch}`, read(emission, EMISSION_ABI, 'weightsOf', provider, BigInt(epoch)), weights)
      }
    }
    await Promise.all(checks)
  }
}, 300_000)
