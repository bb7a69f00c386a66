import { setTimeout as delay } from 'node:timers/promises'
import type { Log, RunningWorker } from '@cloister/agent'
import {
  type Cost,
  costOf,
  delegate,
  type FeePrices,
  getClassWeight,
  getCollateralPerGpu,
  getConfirmedGpus,
  getLockedFor,
  getPool,
  getPosition,
  getTokenBalance,
  readFeePrices,
  sumOf,
  syncCollateral,
  TRANSACTIONS,
  type Wallet,
} from '@cloister/chain'
import {
  CloisterError,
  type ConfirmedGpus,
  defaultPolicy,
  formatAmount,
  messageOf,
  orderFor,
  parseAmount,
  parseManifest,
  pricePerHour,
  showAmount,
} from '@cloister/core'
import { GPU_CLASSES } from '@cloister/economy'
import type { Cloister } from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { type Address, zeroAddress } from 'viem'
import { confirm } from '../../ask.ts'
import { ether } from '../../costs.ts'
import { CLOI } from '../../show.ts'
import { openProvider } from './config.ts'
import type { ConfigOptions } from './options.ts'
import { readableLog, runUntilAsked } from './run-until-asked.ts'
import { openSimulated } from './simulated.ts'

const GPUS_MS = 180_000
/** Something small, to see that bidding works. */
const SAMPLE =
  'services:\n  web:\n    image: nginx:alpine\n    deploy: { resources: { limits: { cpus: "0.1", memory: 64M } } }\n'

interface JoinOptions extends ConfigOptions {
  stake?: string
  yes?: boolean
  run: boolean
}

/**
 * From nothing to earning, a step at a time; what is done already is passed over, so that it can be called
 * again.
 */
export async function join(options: JoinOptions, command: Command): Promise<void> {
  const { enrolWorker, jsonLog, loadWorkerKey, startWorker } = await import('@cloister/agent')
  const { path, config, cloister, wallet } = await openProvider(options, command)
  const provider = wallet.account.address
  const key = loadWorkerKey(config.folder)
  const { gpus, gpuClass } = config.capacity
  const [plan, prices] = await Promise.all([
    planStake(wallet, key.address, { gpus, gpuClass, wanted: options.stake }),
    readFeePrices(wallet),
  ])
  const costs = costsOf(prices, { gpus, toStake: plan.toStake })
  if (!options.json) {
    await explain(wallet, prices, { worker: key.address, gpus, gpuClass, ...plan })
    if (prices.layer2) say(sayCosts(costs))
    if (gpus > 0) await forecast(cloister, { provider, gpus, gpuClass })
  }
  if (options.yes === true && options.stake === undefined) checkCollateral(plan.toStake, { gpus, gpuClass })
  if (options.yes !== true && !(await confirm('Go on?')))
    throw new CloisterError('declined', 'Nothing was done.')

  const steps = new Steps(options.json === true)
  const tell = options.json ? jsonLog(config.name) : readableLog()
  // With --json the result comes first, and after it what the worker says while it runs on, a line each.
  let isTold = options.json !== true
  const log: Log = (...line) => {
    if (isTold) tell(...line)
  }
  let running: RunningWorker | undefined
  const start = async () => {
    steps.begin('register', `${key.address} for ${provider}`)
    const enrolled = await enrolWorker(wallet, key, config)
    if (plan.toStake > 0n) {
      steps.begin('stake', showAmount(plan.toStake, CLOI))
      await delegate(wallet, provider, plan.toStake)
    }
    steps.begin('attest', 'the hardware proves itself')
    running = await startWorker(config, log, openSimulated)
    let collateral = 0n
    let earning: ConfirmedGpus | undefined
    if (gpus > 0) {
      steps.begin('GPUs', 'verifiers of other providers look at their evidence')
      earning = await confirmed(wallet, key.address)
      if (earning) {
        steps.begin('collateral', `for ${earning.gpus} × ${earning.gpuClass}`)
        await syncCollateral(wallet, key.address)
        collateral = await getLockedFor(wallet, key.address)
      } else {
        steps.fail()
        if (!options.json)
          note(
            '! Nobody has vouched for the GPUs yet, so they earn no emission. Leases work. Type the same again later to lock their collateral.',
          )
      }
    }
    steps.begin('first bid', 'a small order of our own, which nobody takes')
    const rate = await sampleBid(running, wallet).catch((error) =>
      note(`! No bid: ${printable(messageOf(error))}`),
    )
    steps.done()
    const token =
      cloister.network.tokens.find(({ symbol }) => symbol === 'USDC') ?? cloister.network.tokens[0]
    if (options.json) {
      sayJson({
        config: path,
        worker: key.address,
        provider,
        enrolled,
        staked: plan.toStake,
        collateral,
        gpus: earning,
        ...(rate && { ratePerSecond: rate }),
        ...(prices.layer2 && { costs }),
      })
      isTold = options.run
    } else {
      say(`The worker ${key.address} earns for ${provider}.`)
      if (rate && token)
        say(
          `  It bids ${formatAmount(pricePerHour(rate), token.decimals)} ${token.symbol} an hour for a tenth of a CPU and 64 MiB.`,
        )
      if (earning && collateral > 0n)
        say(
          `  ${earning.gpus} × ${earning.gpuClass} earn emission from the next full hour on, with ${showAmount(collateral, CLOI)} locked: cloister provider rewards`,
        )
      if (earning && earning.gpuClass !== gpuClass)
        note(
          `! Verifiers vouch for ${earning.gpuClass}, not ${gpuClass}. H200s are told from H100s by their raw reports: see gpuEvidence in docs/providers.md.`,
        )
      if (!options.run) say(paint('dim', `  Start it: cloister provider run -c ${options.config}`))
    }
    return running
  }
  try {
    if (options.run) await runUntilAsked({ config, path, log, start })
    else await (await start()).stop()
  } catch (error) {
    steps.fail()
    await running?.stop()
    throw error
  }
}

/**
 * Refuses to stake more, unasked, than the GPUs' collateral was when this was written: governance may have
 * raised it since, and a node may say anything. Throws `stake-unexpected`.
 */
export function checkCollateral(
  toStake: bigint,
  { gpus, gpuClass }: { gpus: number; gpuClass: string },
): void {
  const known = Object.entries(GPU_CLASSES).find(([name]) => name === gpuClass)?.[1].collateral ?? 0n
  const expected = known * BigInt(gpus) * 10n ** BigInt(CLOI.decimals)
  if (toStake <= expected) return
  throw new CloisterError(
    'stake-unexpected',
    `The chain asks for ${showAmount(toStake, CLOI)} more in the pool; ${gpus} × ${gpuClass} took ${showAmount(expected, CLOI)} when this command was made.`,
    { hint: 'Say --stake with what the pool is to hold to agree, or leave --yes out.' },
  )
}

/** What has to go into the provider's own pool, beside what is there. */
async function planStake(
  wallet: Wallet,
  worker: Address,
  { gpus, gpuClass, wanted }: { gpus: number; gpuClass: string; wanted: string | undefined },
): Promise<{ collateral: bigint; toStake: bigint }> {
  const provider = wallet.account.address
  const token = wallet.network.tokens.find(({ symbol }) => symbol === 'CLOI')
  const [perGpu, { worth }, pool, held, locked] = await Promise.all([
    gpus > 0 ? getCollateralPerGpu(wallet, gpuClass) : 0n,
    getPosition(wallet, provider, provider),
    getPool(wallet, provider),
    token ? getTokenBalance(wallet, token.address, provider) : 0n,
    getLockedFor(wallet, worker),
  ])
  if (gpus > 0 && perGpu === 0n)
    throw new CloisterError(
      'bad-option',
      `GPUs of the class ${gpuClass} earn no emission; those that do are h100, h200 and b200.`,
      {
        hint: 'Leave --gpus out, or name the class with --gpu-class.',
      },
    )
  const collateral = perGpu * BigInt(gpus)
  // What other workers of the provider's have locked is not there for this one.
  const missing =
    wanted === undefined
      ? collateral - locked - (pool.assets - pool.locked)
      : parseAmount(wanted, CLOI.decimals) - worth
  const toStake = missing > 0n ? missing : 0n
  if (toStake > held)
    throw new CloisterError(
      'no-funds',
      `${provider} has ${showAmount(held, CLOI)}; its pool needs ${showAmount(toStake, CLOI)} more.`,
      {
        hint: wallet.network.development
          ? 'On the development network: cloister wallet faucet'
          : 'Get CLOI first, or lend fewer GPUs.',
      },
    )
  return { collateral, toStake }
}

/** Transactions that are sent until the worker earns, and within each hour from then on. */
interface Costs {
  once: Cost
  hourly: Cost
}

function costsOf(prices: FeePrices, { gpus, toStake }: { gpus: number; toStake: bigint }): Costs {
  const cost = (name: keyof typeof TRANSACTIONS) => costOf(prices, TRANSACTIONS[name])
  const withGpus = gpus > 0
  return {
    once: sumOf([
      cost('register'),
      ...(toStake > 0n ? [cost('delegate')] : []),
      cost('registerPlatform'),
      cost('attest'),
      ...(withGpus ? [cost('syncCollateral')] : []),
    ]),
    hourly: sumOf([
      ...[cost('attest'), cost('attest')],
      ...(withGpus ? [cost('confirmGpus'), cost('confirmGpus')] : []),
    ]),
  }
}

/** What of the costs isn't gas, for people. */
function sayCosts({ once, hourly }: Costs): string {
  const operator =
    once.operator > 0n
      ? `, and ${ether(once.operator)} and ${ether(hourly.operator)} what the chain’s operator takes`
      : ''
  return `Costs are those of this layer 2 now: ${ether(once.total)} at first and ${ether(hourly.total)} an hour, of which ${ether(once.data)} and ${ether(hourly.data)} are for data on layer 1${operator}.`
}

async function explain(
  wallet: Wallet,
  prices: FeePrices,
  {
    worker,
    gpus,
    gpuClass,
    collateral,
    toStake,
  }: { worker: Address; gpus: number; gpuClass: string; collateral: bigint; toStake: bigint },
): Promise<void> {
  const { GAS_MONEY } = await import('@cloister/agent')
  const cost = (...names: (keyof typeof TRANSACTIONS)[]) =>
    ether(sumOf(names.map((name) => costOf(prices, TRANSACTIONS[name]))).total)
  const rows = [
    [
      'register',
      `the worker ${worker} for ${wallet.account.address}; its key gets ether for gas`,
      `${formatAmount(GAS_MONEY, 18)} ETH, ${cost('register')} gas`,
    ],
    ...(toStake > 0n
      ? [
          [
            'stake',
            'CLOI for your own pool. Yours still; leaves in 21 days, and can be slashed',
            `${showAmount(toStake, CLOI)}, ${cost('delegate')} gas`,
          ],
        ]
      : []),
    [
      'attest',
      'the hardware proves itself; the platform is registered the first time',
      `${cost('registerPlatform', 'attest')} gas, then ${cost('attest', 'attest')} an hour`,
    ],
    ...(gpus > 0
      ? [
          [
            'GPUs',
            `other providers’ verifiers vouch for ${gpus} × ${gpuClass}`,
            `${cost('confirmGpus', 'confirmGpus')} gas an hour`,
          ],
          [
            'collateral',
            `${showAmount(collateral, CLOI)} of your pool stay while the GPUs are in service`,
            `${cost('syncCollateral')} gas`,
          ],
        ]
      : []),
    ['first bid', 'signs one, to see that it works', 'nothing: bids cost nothing'],
  ]
  say(table(['step', 'what happens', 'costs'], rows))
  say(
    paint(
      'dim',
      'Nobody has to agree to any of it. Gas of the third step on is paid out of the worker’s key.',
    ),
  )
}

/** What the GPUs would earn, beside those that are in service now. */
async function forecast(
  { index, chain }: Cloister,
  { provider, gpus, gpuClass }: { provider: Address; gpus: number; gpuClass: string },
): Promise<void> {
  const [each, epochs] = await Promise.all([
    getClassWeight(chain, gpuClass),
    index.epochs({ provider, limit: 48 }),
  ])
  // The newest hour that is over, or the first one of all.
  const hour = epochs.find((epoch) => epoch.closed) ?? epochs.at(-1)
  const weight = each * gpus
  if (weight === 0 || !hour) return
  const all = hour.weight + weight
  const reward = (BigInt(hour.budget) * BigInt(weight)) / BigInt(all)
  say(
    `Beside GPUs that weigh ${hour.weight / 10} H100s now, ${gpus} × ${gpuClass} would earn ${showAmount(reward, CLOI, 2)} an hour: half is yours, half your pool’s. That changes with who else is in service, and falls by a quarter every 180 days.`,
  )
}

/** Waits until verifiers have vouched for a worker's GPUs; undefined where they haven't in time. */
async function confirmed(wallet: Wallet, worker: Address): Promise<ConfirmedGpus | undefined> {
  for (const end = Date.now() + GPUS_MS; Date.now() < end; await delay(500)) {
    const found = await getConfirmedGpus(wallet, worker)
    if (found.gpus > 0) return found
  }
  return undefined
}

/** What the worker asks a second for something small, in base units. Throws `no-bid`. */
async function sampleBid({ worker }: RunningWorker, { network }: Wallet): Promise<bigint> {
  const { manifest } = parseManifest(SAMPLE, { file: 'sample.yaml' })
  const token = network.tokens.find(({ symbol }) => symbol === 'USDC') ?? network.tokens[0]
  const order = orderFor(manifest, {
    tenant: zeroAddress,
    token: token?.address ?? zeroAddress,
    policy: defaultPolicy(network.attestation.root !== undefined),
  })
  return (await worker.bidder.bid(order)).ratePerSecond
}
