import { EMISSION_ABI, STAKE_ABI } from '@cloister/chain'
import { classOf, type EconomyStage, raiseEconomy } from '@cloister/development/economy-stage'
import { type Address, encodeFunctionData, parseEventLogs, toHex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Economy } from './model.ts'

const CLOI = 10n ** 18n
const PROVIDERS = [1, 2, 3, 4] as const
/** Two each. */
const WORKERS = [1, 2, 3, 4, 5, 6, 7, 8] as const
/** Longer, and from another seed, by `npm run fuzz -- economy`. */
const STEPS = Number(process.env['CLOISTER_FUZZ_RUNS'] ?? 240)
const SEED = Number(process.env['CLOISTER_FUZZ_SEED'] ?? 20_261_121)

let stage: EconomyStage
beforeAll(async () => {
  stage = await raiseEconomy()
}, 60_000)
afterAll(() => stage.stop())

/**
 * Stake and Emission on a real chain, with workers whose coverage is a matter of saying so, against the
 * model: the same things done at the same instants. What the chain refuses the model isn't told of.
 */
test('the model agrees with the contracts to the unit, whatever is done in whatever order', {
  timeout: 300_000 + STEPS * 2_000,
}, async () => {
  const { client } = stage.chain.wallet(0)
  const { start, treasury, governance } = stage
  const addresses = Array.from({ length: 10 }, (_, who) => stage.chain.wallet(who).account.address)
  const addressOf = (who: number) => addresses[who] as Address
  let taken = 0
  const send = async (
    who: number,
    to: Parameters<EconomyStage['send']>[1],
    functionName: string,
    args: unknown[],
  ) => {
    const done = await stage.send(addressOf(who), to, functionName, ...args)
    if (done) taken++
    return done
  }
  const economy = Economy.deployed({ start, treasury })
  expect(governance).toBe(addressOf(0))
  for (const who of addresses) await stage.fund(who, 1_000_000n * CLOI)
  const workerOf = (worker: number) => `0x${'f0'.padEnd(38, '0')}0${worker}` as Address
  const providerOf = (worker: number) => ((worker - 1) % PROVIDERS.length) + 1
  for (const worker of WORKERS) {
    await send(0, 'workers', 'join', [workerOf(worker), addressOf(providerOf(worker))])
    economy.join(workerOf(worker), addressOf(providerOf(worker)))
  }
  for (const provider of PROVIDERS) {
    const done = await send(provider, 'stake', 'delegate', [addressOf(provider), 6_000n * CLOI])
    economy.delegate(done?.at ?? 0, addressOf(provider), addressOf(provider), 6_000n * CLOI)
  }

  // Seeded, so that a failure can be looked at again.
  let seed = SEED
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fffffff
    return seed % below
  }
  const exits: bigint[] = []
  const shares = async (provider: number, who: number) =>
    ((await stage.read('stake', 'positionOf', addressOf(provider), addressOf(who))) as bigint[])[0] ?? 0n
  const gpusOf: Record<number, number> = {}
  const pass = (seconds: number) => client.request({ method: 'evm_increaseTime', params: [seconds] } as never)
  const renew = async (index: number, seconds: number) => {
    const [worker, provider] = [workerOf(index), providerOf(index)]
    const covered = await send(0, 'workers', 'cover', [worker, BigInt(seconds)])
    if (covered) economy.cover(covered.at, worker, seconds)
    const name = (['h100', 'h200', 'b200'] as const)[provider % 3] ?? 'h100'
    const gpus = gpusOf[index] ?? 1
    const confirmed = await send(0, 'workers', 'confirm', [
      worker,
      classOf(name),
      BigInt(gpus),
      BigInt(seconds),
    ])
    if (confirmed) economy.confirmGpus(confirmed.at, worker, name, gpus, seconds)
    const locked = await send(provider, 'stake', 'syncCollateral', [worker])
    if (locked) economy.syncCollateral(locked.at, worker)
  }
  const acts: (() => Promise<unknown>)[] = [
    async () => {
      const [who, provider] = [random(10), random(4) + 1]
      const amount = random(4) === 0 ? BigInt(random(20) + 1) : BigInt(random(3_000_000)) * 10n ** 15n + 1n
      const done = await send(who, 'stake', 'delegate', [addressOf(provider), amount])
      return done && economy.delegate(done.at, addressOf(provider), addressOf(who), amount)
    },
    async () => {
      const [who, provider] = [random(10), random(4) + 1]
      // A part, all of it, or a hair less than two units are worth, one of which stays behind.
      const held = await shares(provider, who)
      const part =
        [(held * BigInt(random(100) + 1)) / 100n, held, held < 1_999_999n ? held : 1_999_999n][random(3)] ??
        held
      const done = await send(who, 'stake', 'requestExit', [addressOf(provider), part])
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
      const { account: owner } = (await stage.read('stake', 'exitOf', id)) as { account: Address }
      const who = [...Array(10).keys()].find((index) => addressOf(index) === owner)
      if (who === undefined) return undefined
      if (random(2) === 0) {
        const done = await send(who, 'stake', 'cancelExit', [id])
        return done && economy.cancelExit(done.at, id)
      }
      const done = await send(who, 'stake', 'withdraw', [id])
      return done && economy.withdraw(id)
    },
    async () => {
      const [who, from, to] = [random(10), random(4) + 1, random(4) + 1]
      const part = (await shares(from, who)) / BigInt(random(3) + 1)
      const done = await send(who, 'stake', 'redelegate', [addressOf(from), addressOf(to), part])
      return done && economy.redelegate(done.at, addressOf(from), addressOf(to), addressOf(who), part)
    },
    async () => {
      const [who, provider] = [random(10), random(4) + 1]
      const done = await send(0, 'stake', 'claimReward', [addressOf(provider), addressOf(who)])
      return done && economy.claimReward(done.at, addressOf(provider), addressOf(who))
    },
    async () => {
      const [provider, bps] = [random(4) + 1, BigInt(random(3_000))]
      const done = await send(provider, 'stake', 'setCommission', [bps])
      return done && economy.setCommission(done.at, addressOf(provider), bps)
    },
    async () => {
      const [provider, amount] = [random(4) + 1, BigInt(random(400)) * CLOI + 7n]
      const done = await send(0, 'stake', 'slash', [
        addressOf(provider),
        amount,
        addressOf(9),
        2_000n,
        toHex('proof', { size: 32 }),
      ])
      return done && economy.slash(done.at, addressOf(provider), amount, addressOf(9), 2_000n)
    },
    async () => {
      const worker = random(8) + 1
      gpusOf[worker] = random(2) + 1
      await renew(worker, [3_600, 3_600, 6_300, 10_800, 86_400][random(5)] ?? 3_600)
    },
    async () => {
      const worker = random(8) + 1
      if (random(4) > 0) return undefined
      const done = await send(0, 'workers', 'depart', [workerOf(worker)])
      return done && economy.depart(done.at, workerOf(worker))
    },
    async () => {
      const done = await send(0, 'emission', 'collect', [BigInt(random(400))])
      if (!done) return undefined
      const [log] = parseEventLogs({ abi: EMISSION_ABI, eventName: 'Collected', logs: done.logs })
      return economy.collect(done.at, Number(log?.args.to ?? 0n) - collectedTo(log?.args.to))
    },
    async () => {
      // Some hours in which most are there, or days in which nobody is.
      for (let i = random(5); i >= 0; i--) {
        for (const worker of PROVIDERS) if (random(12) > 0) await renew(worker, 3_600)
        await pass(1_000 + random(1_500))
      }
      if (random(8) === 0) await pass(random(4 * 86_400))
    },
    async () => {
      const [name, amount] = [
        (['h100', 'h200', 'b200'] as const)[random(3)] ?? 'h100',
        BigInt(1_000 + random(1_000)) * CLOI,
      ]
      if (random(6) > 0) return undefined
      const done = await send(0, 'stake', 'setCollateralPerGpu', [classOf(name), amount])
      return done && economy.setCollateralPerGpu(done.at, name, amount)
    },
  ]
  acts.push(async () => {
    const [name, weight] = [(['h100', 'h200', 'b200'] as const)[random(3)] ?? 'h100', random(30)]
    if (random(6) > 0) return undefined
    const call = encodeFunctionData({
      abi: EMISSION_ABI,
      functionName: 'setClassWeight',
      args: [classOf(name), BigInt(weight)],
    })
    expect(
      await send(0, 'emission', 'setClassWeight', [classOf(name), BigInt(weight)]),
      'nothing is changed without notice',
    ).toBeUndefined()
    await send(0, 'emission', 'announce', [call])
    await pass(22 * 86_400)
    const done = await send(0, 'emission', 'setClassWeight', [classOf(name), BigInt(weight)])
    if (done) economy.weights.classWeight.set(name, weight)
    return done
  })
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
      const done = await send(0, 'stake', 'settle', [addressOf(provider)])
      economy.settle(done?.at ?? 0, addressOf(provider))
    }
    await compare()
  }
  expect(taken).toBeGreaterThan(STEPS / 2)
  // What GPUs earned is part of it.
  const last = economy.weights.epochAt(Number((await client.getBlock()).timestamp))
  for (const provider of PROVIDERS)
    expect(economy.weights.earned(addressOf(provider), 0, last)).toBeGreaterThan(0n)

  async function compare() {
    const at = Number((await client.getBlock()).timestamp)
    const checks: Promise<void>[] = []
    const check = (what: string, asked: Promise<unknown>, expected: unknown) =>
      checks.push(asked.then((found) => expect(found, what).toEqual(expected)))
    for (const account_ of [...addresses, treasury]) {
      const before = account_ === treasury ? 0n : 1_000_000n * CLOI
      check(
        `balance of ${account_}`,
        stage.read('token', 'balanceOf', account_),
        before + (economy.balances.get(account_) ?? 0n),
      )
    }
    check('minted', stage.read('emission', 'minted'), economy.minted)
    const now = economy.weights.epochAt(at)
    for (const provider of PROVIDERS.map(addressOf)) {
      const {
        assets,
        shares: all,
        exitAssets,
        exitShares,
        locked,
        rewardPerShare,
        providerOwed,
      } = economy.poolOf(provider)
      checks.push(
        stage.read('stake', 'poolOf', provider).then((pool) =>
          expect(pool).toMatchObject({
            assets,
            shares: all,
            exitAssets,
            exitShares,
            locked,
            rewardPerShare,
            providerOwed,
          }),
        ),
      )
      for (const who of addresses) {
        const { shares: held, worth, rewards } = economy.positionOf(provider, who)
        check(`position of ${who}`, stage.read('stake', 'positionOf', provider, who), [held, worth, rewards])
      }
      for (let epoch = Math.max(0, now - 3); epoch < now + 25; epoch++) {
        const weights = [economy.weights.weightOf(provider, epoch), economy.weights.totalOf(epoch)].map(
          BigInt,
        )
        check(
          `weights in epoch ${epoch}`,
          stage.read('emission', 'weightsOf', provider, BigInt(epoch)),
          weights,
        )
      }
    }
    await Promise.all(checks)
  }
})
