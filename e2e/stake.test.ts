import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claimIfItPays, Sequence } from '@cloister/agent'
import {
  connectWallet,
  delegate,
  EMISSION_ABI,
  findToken,
  freshBlock,
  getTokenBalance,
  handInVerdict,
  registerWorker,
  STAKE_ABI,
  signClaim,
  signReceipt,
  signVerdict,
  syncCollateral,
  type Wallet,
  WORKERS_ABI,
} from '@cloister/chain'
import { nameGpus, receiptToJson } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import { coverWorker } from '@cloister/development/chain'
import { type DevelopmentPlatform, DevelopmentRoot } from '@cloister/development/root'
import { Economy } from '@cloister/economy/model'
import { createCloister } from '@cloister/sdk'
import { type Address, bytesToHex, type Hex, parseEventLogs, zeroHash } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, type Json, raiseStage, type Stage, until } from './embedded.ts'

const CLOI = 10n ** 18n
const PERIOD = 3_600

interface Platform {
  provider: Wallet
  key: PrivateKeyAccount
  platform: DevelopmentPlatform
  gpuClass: string
  gpus: number
}

/**
 * Three providers with GPUs, five delegators, two days: what is done goes to the chain and to the model, and
 * everybody's balance has to be what the model says, to the unit.
 */
describe('stake and emission on the embedded network', () => {
  let stage: Stage
  let economy: Economy
  let cloi: Address
  const before = new Map<Address, bigint>()
  const providers: Platform[] = []
  /** Verifies only, so that one of the others may be away. */
  let verifier: Platform
  const wallet = (index: number) =>
    connectWallet(stage.embedded.network, developmentAccount(stage.embedded.network, index))
  const address = (index: number) => developmentAccount(stage.embedded.network, index).address
  const now = async () => Number((await wallet(0).client.getBlock()).timestamp)
  const pass = (seconds: number) =>
    wallet(0).client.request({ method: 'evm_increaseTime', params: [seconds] } as never)
  /** Moves the chain's clock ahead to an instant, unless it is there. */
  const passTo = async (instant: number) => {
    const ahead = instant - (await now())
    if (ahead > 0) await pass(ahead)
    await until('the chain is there', async () => (await now()) >= instant)
  }
  const accounts = [1, 2, 3, 4, 5, 6, 7, 8]

  beforeAll(async () => {
    stage = await raiseStage()
    const { network } = stage.embedded
    cloi = findToken(network, 'CLOI').address
    economy = Economy.deployed({ start: network.emissionStart, treasury: address(9) })
    const root = await DevelopmentRoot.open(join(stage.folder, 'state', 'attestation'))
    for (const [index, gpuClass, gpus] of [
      [1, 'h100', 2],
      [2, 'h200', 1],
      [3, 'b200', 1],
      [0, '', 0],
    ] as const) {
      const provider = wallet(index)
      const key = privateKeyToAccount(generatePrivateKey())
      await registerWorker(provider, key, {
        cpuMilli: 1000,
        memoryMiB: 1024,
        diskMiB: 1024,
        gpus,
        gpuClass,
        endpoint: 'http://127.0.0.1:1',
      })
      const one = { provider, key, platform: await root.manufacture(), gpuClass, gpus }
      if (gpus > 0) {
        providers.push(one)
        economy.join(key.address, provider.account.address)
      } else verifier = one
    }
  }, 180_000)
  afterAll(() => stage?.end(), 120_000)

  /** All events of Stake so far, with the instants they happened at. */
  async function stakeLogs() {
    const { client, network } = wallet(0)
    const logs = parseEventLogs({
      abi: STAKE_ABI,
      logs: await client.getLogs({ address: network.contracts.stake, fromBlock: 0n }),
    })
    return Promise.all(
      logs.map(async (log) => ({
        ...log,
        time: Number((await client.getBlock({ blockNumber: log.blockNumber })).timestamp),
      })),
    )
  }

  /** The newest event of a name. */
  async function last<name extends Awaited<ReturnType<typeof stakeLogs>>[number]['eventName']>(
    eventName: name,
  ) {
    const found = (await stakeLogs()).findLast((log) => log.eventName === eventName)
    if (!found) throw new Error(`no ${eventName} happened`)
    return found as Extract<Awaited<ReturnType<typeof stakeLogs>>[number], { eventName: name }>
  }

  /** The instant a transaction is in the chain at. */
  const timeOf = async (transaction: Hex) => {
    const { client } = wallet(0)
    const { blockNumber } = await client.getTransactionReceipt({ hash: transaction })
    return Number((await client.getBlock({ blockNumber })).timestamp)
  }

  /** Attests workers and has their GPUs vouched for by the others. */
  async function renew(present: Platform[]) {
    const covered = [...present, verifier]
    await Promise.all(covered.map(({ provider, platform, key }) => coverWorker(provider, platform, key)))
    for (const { key } of present) {
      const { start, until: end } = await coverage(key.address)
      economy.cover(end - PERIOD, key.address, PERIOD)
      expect(start).toBeLessThanOrEqual(end)
    }
    await Promise.all(
      present.map(async (one) => {
        const block = await freshBlock(one.provider)
        const { provider, key, gpuClass, gpus } = one
        const named = nameGpus(Array.from({ length: gpus }, (_, index) => `${key.address} ${index}`))
        const verdict = {
          kind: 'nvidia-gpus' as const,
          worker: key.address,
          provider: provider.account.address,
          ...named,
          measurement: zeroHash,
          tlsKeyHash: zeroHash,
          gpuClass,
          gpus,
          block,
        }
        const others = covered.filter((other) => other !== one).slice(0, 2)
        const signatures = await Promise.all(
          others.map((other) => signVerdict(stage.embedded.network, other.key, verdict)),
        )
        await handInVerdict(
          provider,
          verdict,
          signatures,
          await signClaim(stage.embedded.network, key, verdict),
        )
      }),
    )
    // In the order of the chain, where two in one block have one instant.
    for (const { key, gpuClass, gpus } of present) {
      const { until: end } = await verdictOn(key.address)
      economy.confirmGpus(end - PERIOD, key.address, gpuClass, gpus, PERIOD)
    }
  }

  const workersContract = () =>
    ({ address: stage.embedded.network.contracts.workers, abi: WORKERS_ABI }) as const
  const coverage = async (worker: Address) => {
    const { start, until: end } = await wallet(0).client.readContract({
      ...workersContract(),
      functionName: 'coverageOf',
      args: [worker],
    })
    return { start, until: end }
  }
  const verdictOn = (worker: Address) =>
    wallet(0).client.readContract({ ...workersContract(), functionName: 'confirmedGpus', args: [worker] })

  const cli = (account: number, ...words: string[]) =>
    stage.json('stake', ...words, '--account', `dev${account}`)

  async function put(account: number, to: number, amount: number) {
    const { transaction } = await cli(account, 'delegate', address(to), String(amount))
    economy.delegate(await timeOf(transaction), address(to), address(account), BigInt(amount) * CLOI)
  }

  async function leave(account: number, from: number, amount?: number): Promise<bigint> {
    const exit = await cli(account, 'exit', address(from), ...(amount === undefined ? [] : [String(amount)]))
    const { time } = await last('ExitRequested')
    const id = economy.requestExit(time, address(from), address(account), BigInt(exit.shares))
    expect(BigInt(exit.id)).toBe(id)
    return id
  }

  async function claim(account: number) {
    const { amount, pools } = (await cli(account, 'claim')) as Json
    const { time } = await last('RewardClaimed')
    const expected = (pools as Address[]).reduce(
      (sum, provider) => sum + economy.claimReward(time, provider, address(account)),
      0n,
    )
    expect(BigInt(amount), `claim of dev${account}`).toBe(expected)
  }

  /** Everybody holds what the model says, and could claim what it says. */
  async function compare() {
    for (const index of [...accounts, 9]) {
      const found = await getTokenBalance(wallet(0), cloi, address(index))
      expect(found - (before.get(address(index)) ?? 0n), `balance of dev${index}`).toBe(
        economy.balances.get(address(index)) ?? 0n,
      )
    }
    const { client, network } = wallet(0)
    const stakeContract = { address: network.contracts.stake, abi: STAKE_ABI } as const
    for (const provider of [1, 2, 3])
      for (const account of accounts) {
        const [shares, worth, rewards] = await client.readContract({
          ...stakeContract,
          functionName: 'positionOf',
          args: [address(provider), address(account)],
        })
        expect({ shares, worth, rewards }, `dev${account} in the pool of dev${provider}`).toEqual(
          economy.positionOf(address(provider), address(account)),
        )
      }
  }

  test('a provider joins with one command, which says what each step costs', async () => {
    const port = String(await freePort())
    const common = [
      'provider',
      'join',
      '--account',
      'carol',
      '--gpus',
      '1',
      '--gpu-class',
      'h200',
      '--port',
      port,
      '--no-run',
    ] as const
    // Nothing is written for somebody who can't act.
    expect((await stage.cloister(...common, '--yes')).stderr).toContain('no wallet carol')
    expect(existsSync(join(stage.folder, 'provider.yaml'))).toBe(false)
    const { address: carol } = await stage.json('wallet', 'create', '--name', 'carol')
    expect((await stage.cloister(...common, '--yes')).stderr).toContain('its pool needs 1875 CLOI more')
    for (const _ of [1, 2]) await stage.json('wallet', 'faucet', '--account', 'carol')
    const asked = await stage.cloister(...common)
    expect(asked).toMatchObject({ code: 1 })
    expect(asked.stderr).toContain('--yes')
    expect(asked.stdout).toMatch(/collateral +1875 CLOI of your pool stay/)
    expect(asked.stdout).toMatch(/1 × h200 would earn [\d.]+ CLOI an hour/)
    const joined = await stage.json(...common, '--yes')
    expect(joined).toMatchObject({
      provider: carol,
      enrolled: 'registered',
      staked: (1_875n * CLOI).toString(),
      collateral: (1_875n * CLOI).toString(),
    })
    expect(joined.gpus).toEqual({ gpuClass: 'h200', gpus: 1 })
    expect(BigInt(joined.ratePerSecond)).toBeGreaterThan(0n)
    // It has stopped, and says what it lacks.
    expect((await stage.cloister('provider', 'rewards')).stdout).toContain(
      'nobody vouches for GPUs of this worker',
    )
    // Typed again, what is done already is passed over.
    expect(await stage.json(...common, '--yes')).toMatchObject({ enrolled: 'unchanged', staked: '0' })
    // What the first worker has locked is not there for a second one.
    for (const _ of [1, 2]) await stage.json('wallet', 'faucet', '--account', 'carol')
    mkdirSync(join(stage.folder, 'second'))
    const second = [
      '--gpus',
      '1',
      '--gpu-class',
      'b200',
      '--port',
      String(await freePort()),
      '-c',
      'second/provider.yaml',
    ] as const
    expect(
      (await stage.cloister('provider', 'join', '--account', 'carol', ...second, '--no-run', '--yes')).stderr,
    ).toContain('its pool needs 2250 CLOI more')
    await stage.json('wallet', 'faucet', '--account', 'carol')
    expect(
      await stage.json('provider', 'join', '--account', 'carol', ...second, '--no-run', '--yes'),
    ).toMatchObject({
      enrolled: 'registered',
      staked: (2_250n * CLOI).toString(),
      collateral: (2_250n * CLOI).toString(),
      gpus: { gpuClass: 'b200', gpus: 1 },
    })
  }, 180_000)

  test('two days of hours, with a lapse, a slash and delegators in and out, are as the model predicts', async () => {
    // Providers backed their own pools when the network began, and when they joined; a worker that was
    // started then has claimed, if that took long.
    for (const log of await stakeLogs()) {
      if (log.eventName === 'Delegated')
        economy.delegate(log.time, log.args.provider, log.args.account, log.args.amount)
      if (log.eventName === 'RewardClaimed')
        economy.claimReward(log.time, log.args.provider, log.args.account)
    }
    for (const index of [...accounts, 9])
      before.set(
        address(index),
        (await getTokenBalance(wallet(0), cloi, address(index))) -
          (economy.balances.get(address(index)) ?? 0n),
      )
    // The first hour that begins after everything stands.
    await renew(providers)
    for (const { provider, key } of providers) {
      await delegate(provider, provider.account.address, 10_000n * CLOI)
      const put_ = await last('Delegated')
      economy.delegate(put_.time, provider.account.address, provider.account.address, 10_000n * CLOI)
      await syncCollateral(provider, key.address)
      const locked = await last('CollateralSet')
      economy.syncCollateral(locked.time, key.address)
    }
    const first = economy.weights.epochAt(await now()) + 1
    let exitOfFive = 0n
    let exitOfSeven = 0n
    /** What happens in which hour. */
    const script: Record<number, () => Promise<unknown>> = {
      1: () => put(4, 1, 500),
      3: async () => {
        await put(5, 2, 400)
        await put(6, 3, 300)
      },
      6: () => put(7, 1, 800),
      8: () => put(8, 2, 100),
      10: async () => {
        exitOfFive = await leave(5, 2, 150)
      },
      12: async () => {
        await stage.json('provider', 'commission', '10', '--account', 'dev1')
        economy.setCommission((await last('CommissionSet')).time, address(1), 1_000n)
      },
      // Two receipts of the first provider's worker for one unit of work.
      15: async () => {
        exitOfSeven = await leave(7, 1)
        await slashFirst()
      },
      18: async () => {
        await cli(5, 'cancel', String(exitOfFive))
        economy.cancelExit((await last('ExitCancelled')).time, exitOfFive)
      },
      20: () => claim(4),
      24: compare,
      28: async () => {
        const { shares } = await cli(6, 'move', address(3), address(2), '120')
        economy.redelegate(
          (await last('Redelegated')).time,
          address(3),
          address(2),
          address(6),
          BigInt(shares),
        )
      },
      30: () => put(4, 2, 50),
      36: async () => {
        const log = () => {}
        const config = { claim: true, cloiPerEther: 10_000, timesGas: 20 }
        const claimed = await claimIfItPays({
          wallet: wallet(0),
          provider: address(3),
          config,
          sequence: new Sequence(),
          log,
        })
        expect(claimed).toBe(economy.claimReward((await last('RewardClaimed')).time, address(3), address(3)))
        expect(claimed).toBeGreaterThan(0n)
        // Right after that it doesn't pay.
        expect(
          await claimIfItPays({
            wallet: wallet(0),
            provider: address(3),
            config,
            sequence: new Sequence(),
            log,
          }),
        ).toBe(0n)
      },
      40: () => claim(8),
      44: () => claim(1),
    }
    // Renewed a little earlier in each hour than in the one before, so that nothing lapses however slow the
    // machine is.
    await passTo(economy.start + first * 3_600 - 100)
    await renew(providers)
    for (let hour = 0; hour <= 48; hour++) {
      await passTo(economy.start + (first + hour) * 3_600 + 3_300 - hour * 60)
      // The second provider is away for some hours.
      await renew(hour >= 21 && hour <= 25 ? providers.filter((_, index) => index !== 1) : providers)
      await script[hour]?.()
    }

    // Every hour weighs what the model says, on chain and in the index.
    const epochs = await synced(() =>
      createCloister({ network: stage.embedded.network }).index.epochs({ limit: 60 }),
    )
    const full = [...Array(48).keys()].map((hour) => first + hour)
    for (const epoch of full) {
      const record = epochs.find((one) => one.epoch === epoch)
      expect(record?.weight, `epoch ${epoch}`).toBe(economy.weights.totalOf(epoch))
      for (const provider of [1, 2, 3]) {
        const pool = record?.pools.find((one) => one.provider === address(provider))
        expect(pool?.weight ?? 0).toBe(economy.weights.weightOf(address(provider), epoch))
        expect(BigInt(pool?.reward ?? 0)).toBe(economy.weights.earned(address(provider), epoch, epoch + 1))
      }
    }
    // Asked about one provider, the index leaves the others' weights out, but not out of the sum.
    const ofSecond = await createCloister({ network: stage.embedded.network }).index.epochs({
      provider: address(2),
      limit: 60,
    })
    expect(ofSecond).toEqual(
      epochs.map((epoch) => ({
        ...epoch,
        pools: epoch.pools.filter(({ provider }) => provider === address(2)),
      })),
    )
    // The second was away, the first was short of nothing.
    expect(
      full.filter((epoch) => economy.weights.weightOf(address(2), epoch) === 0).length,
    ).toBeGreaterThanOrEqual(5)
    expect(
      full.filter((epoch) => economy.weights.weightOf(address(3), epoch) > 0).length,
    ).toBeGreaterThanOrEqual(47)

    // Three weeks later those who left take what is left, and the treasury its part.
    await passTo((await now()) + 21 * 86_400)
    const withdrawn = await cli(7, 'withdraw')
    expect(withdrawn).toEqual([{ id: String(exitOfSeven), amount: economy.withdraw(exitOfSeven).toString() }])
    for (const account of accounts) await claim(account)
    await collect()
    await compare()
    const minted = await wallet(0).client.readContract({ ...emission(), functionName: 'minted' })
    expect(minted).toBe(economy.minted)
    expect(minted).toBeLessThanOrEqual(economy.emittedBy(await now()))
  }, 900_000)

  async function slashFirst() {
    const [{ key }] = providers as [Platform]
    const receipt = {
      worker: key.address,
      lease: bytesToHex(new Uint8Array(32).fill(1)),
      era: 1n,
      sequence: 7n,
    }
    for (const name of ['one', 'two']) {
      const content = bytesToHex(new Uint8Array(32).fill(name.length + (name === 'two' ? 1 : 0)))
      const signed = await signReceipt(stage.embedded.network, key, { ...receipt, content })
      writeFileSync(join(stage.folder, `${name}.json`), JSON.stringify(receiptToJson(signed)))
    }
    const same = await stage.cloister('stake', 'report', 'one.json', 'one.json', '--account', 'dev8')
    expect(same).toMatchObject({ code: 1 })
    expect(same.stderr).toContain('do not contradict')
    const report = await cli(8, 'report', 'one.json', 'two.json')
    const { time } = await last('Slashed')
    const taken = economy.slash(time, address(1), economy.penaltyOf(address(1), 500n), address(8), 2_000n)
    expect(BigInt(report.taken)).toBe(taken)
    expect(BigInt(report.reward)).toBe(taken / 5n)
    const again = await stage.cloister('stake', 'report', 'two.json', 'one.json', '--account', 'dev8')
    expect(again.stderr).toContain('reported already')
    const {
      items: [slash],
    } = await synced(() =>
      createCloister({ network: stage.embedded.network }).index.slashes({ provider: address(1) }),
    )
    expect(slash).toMatchObject({ offence: 'receipts', reporter: address(8), reward: report.reward })
  }

  const emission = () => ({ address: stage.embedded.network.contracts.emission, abi: EMISSION_ABI }) as const

  async function collect() {
    const governance = wallet(0)
    const hash = await governance.wallet.writeContract({
      ...emission(),
      functionName: 'collect',
      args: [10_000n],
      gas: 8_000_000n,
    })
    await governance.client.waitForTransactionReceipt({ hash })
    economy.collect(await timeOf(hash), 10_000)
    const stakeContract = { address: stage.embedded.network.contracts.stake, abi: STAKE_ABI } as const
    const second = await governance.wallet.writeContract({
      ...stakeContract,
      functionName: 'collectUnearned',
    })
    await governance.client.waitForTransactionReceipt({ hash: second })
    economy.collectUnearned(await timeOf(second))
  }

  /** Asks the index once it has come as far as the chain. */
  async function synced<T>(ask: () => Promise<T>): Promise<T> {
    const { index } = createCloister({ network: stage.embedded.network })
    const head = Number(await wallet(0).client.getBlockNumber())
    await until('the index has caught up', async () => (await index.status()).block >= head)
    return ask()
  }

  test('anybody recomputes all of it from the chain’s events', async () => {
    const { checks } = await stage.json('stake', 'audit')
    expect(checks.flatMap((check: Json) => check.wrong)).toEqual([])
    expect(checks.map((check: Json) => check.what).sort()).toEqual([
      'GPU rewards',
      'claims',
      'pools',
      'positions',
      'slashes',
      'stake rewards',
      'supply',
    ])
    expect((await stage.cloister('stake', 'audit')).stdout).toContain('agree')
  })

  test('a person sees pools, yields, rewards and the network’s emission beside its fees', async () => {
    const pools = await stage.cloister('stake', 'pools')
    expect(pools.stdout).toContain(address(1))
    expect(pools.stdout).toMatch(/period +from +emitted +fee income/)
    expect(pools.stderr).toContain('if stake, GPUs in service and emission stayed as they were')
    const rewards = await stage.cloister('stake', 'rewards', '--account', 'dev4')
    expect(rewards.stdout).toContain(address(2))
    const hours = await stage.cloister(
      'provider',
      'rewards',
      '-c',
      'none.yaml',
      '--account',
      'dev3',
      '--hours',
      '720',
    )
    expect(hours.stdout).toContain('half is the provider’s')
    const nothing = await stage.cloister('stake', 'exit', address(3), '--account', 'dev4')
    expect(nothing).toMatchObject({ code: 1 })
    expect(nothing.stderr).toContain('has no stake in the pool')
    expect((await stage.cloister('stake', 'exit', '0x0000')).stderr).toContain('begins with')
    // Money goes to whole addresses only, and to none that is mistyped.
    expect((await stage.cloister('stake', 'delegate', address(2).slice(0, 10), '1')).stderr).toContain(
      'not a whole address',
    )
    expect(
      (await stage.cloister('stake', 'move', address(2).slice(0, 10), address(3).slice(0, 10))).stderr,
    ).toContain('not a whole address')
    const mistyped = address(2).replace(/[A-F]/, (letter) => letter.toLowerCase())
    expect((await stage.cloister('stake', 'delegate', mistyped, '1')).stderr).toContain('mistyped')
    const { periods, staked } = await stage.json('stake', 'pools')
    expect(periods).toHaveLength(1)
    expect(BigInt(staked)).toBe(economy.active)
  })
})
