import { EPOCH_SECONDS, GPU_CLASSES, gpuBudgetOf } from '@cloister/economy'
import { Economy } from '@cloister/economy/model'

const CLOI = 10n ** 18n
const DAY = 86_400
const MONTH = 30 * DAY
const YEAR = 365 * DAY
/** Classes with the part of all GPUs that each is here. */
export const CLASSES = [
  { name: 'h100', collateral: GPU_CLASSES.h100.collateral, share: 0.5 },
  { name: 'h200', collateral: GPU_CLASSES.h200.collateral, share: 0.3 },
  { name: 'b200', collateral: GPU_CLASSES.b200.collateral, share: 0.2 },
] as const

/** What is simulated. The same numbers give the same network. */
export interface Scenario {
  seed: number
  years: number
  providers: number
  delegators: number
  /** Years after which half of everybody is there. */
  half: number
}

/** One thing somebody does, at an instant in seconds since emission began. */
export type Act =
  | { at: number; kind: 'join'; provider: string; gpuClass: string; gpus: number }
  | { at: number; kind: 'delegate'; provider: string; account: string; amount: bigint }
  | { at: number; kind: 'serve'; provider: string; gpuClass: string; gpus: number; seconds: number }
  | { at: number; kind: 'lock'; provider: string }
  | { at: number; kind: 'commission'; provider: string; bps: bigint }
  | { at: number; kind: 'exit'; provider: string; account: string; part: number }
  | { at: number; kind: 'withdraw'; exit: bigint }
  | { at: number; kind: 'claim'; provider: string; account: string }

/**
 * What the network looks like at an instant: the middle pool's yield, and those that a tenth are below and
 * above.
 */
interface Look {
  year: number
  providers: number
  delegators: number
  staked: number
  gpus: number
  yields: [number, number, number]
}

export interface Simulated {
  acts: number
  minted: bigint
  emittedAll: bigint
  monthly: Look[]
  years: Look[]
}

interface Provider {
  name: string
  gpuClass: (typeof CLASSES)[number]
  gpus: number
  commission: number
  /** Whole CLOI: its own, and what others may still add, for a tenth of a pool is its provider's. */
  own: bigint
  room: bigint
}

/** Pseudo-random numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Everything that happens in a network, month by month, in the order of time. Providers and delegators come
 * slowly at first, then fast, then slowly; a hundredth of GPU hours is lost to gaps; a fifth of delegators
 * leaves each year.
 */
export function* happenings({ seed, years, providers, delegators, half }: Scenario): Generator<Act> {
  const random = randomFrom(seed)
  const months = Math.floor((years * YEAR) / MONTH)
  const joined: Provider[] = []
  const held: { provider: Provider; account: string }[] = []
  const ready: { at: number; exit: bigint }[] = []
  let [accounts, exits] = [0, 0n]
  for (let month = 0; month < months; month++) {
    const from = month * MONTH
    const wanted = 1 / (1 + Math.exp(-(month / 12.17 / half - 1) * 4.5))
    while (joined.length < Math.max(1, Math.floor(providers * wanted))) {
      const pick = random()
      const gpuClass =
        pick < CLASSES[0].share
          ? CLASSES[0]
          : pick < CLASSES[0].share + CLASSES[1].share
            ? CLASSES[1]
            : CLASSES[2]
      const gpus = 2 ** Math.floor(random() * 4)
      // Somewhat more than its GPUs need.
      const own = (gpuClass.collateral * BigInt(gpus) * BigInt(100 + Math.floor(random() * 100))) / 100n
      const one = {
        name: `provider ${joined.length}`,
        gpuClass,
        gpus,
        commission: Math.floor(random() * 2_000),
        own,
        room: own * 8n,
      }
      joined.push(one)
      yield { at: from, kind: 'join', provider: one.name, gpuClass: gpuClass.name, gpus: one.gpus }
      yield { at: from, kind: 'delegate', provider: one.name, account: one.name, amount: own * CLOI }
      yield { at: from, kind: 'commission', provider: one.name, bps: BigInt(one.commission) }
      yield {
        at: from,
        kind: 'serve',
        provider: one.name,
        gpuClass: gpuClass.name,
        gpus: one.gpus,
        seconds: EPOCH_SECONDS,
      }
      yield { at: from, kind: 'lock', provider: one.name }
    }
    // In service for the month, most without a gap.
    const away = joined.map((provider) => ({
      provider,
      seconds: random() < 0.2 ? Math.floor(random() * 0.1 * MONTH) : 0,
    }))
    for (const { provider, seconds } of away.sort((a, b) => a.seconds - b.seconds)) {
      const { name, gpuClass, gpus } = provider
      yield {
        at: from + seconds,
        kind: 'serve',
        provider: name,
        gpuClass: gpuClass.name,
        gpus,
        seconds: MONTH - seconds + EPOCH_SECONDS,
      }
    }
    while (accounts < Math.floor(delegators * wanted)) {
      // From ten to some thousands of CLOI.
      const amount = BigInt(Math.floor(10 ** (1 + random() * 2.5)))
      const provider = joined[Math.floor(random() * joined.length)]
      accounts++
      if (!provider || provider.room < amount) continue
      provider.room -= amount
      const account = `delegator ${accounts}`
      held.push({ provider, account })
      yield {
        at: from + MONTH / 2,
        kind: 'delegate',
        provider: provider.name,
        account,
        amount: amount * CLOI,
      }
    }
    while (ready[0] && ready[0].at <= from + MONTH / 2)
      yield { at: from + MONTH / 2, kind: 'withdraw', exit: ready.shift()?.exit ?? 0n }
    const leaving = Math.floor((held.length * 0.2) / 12.17)
    for (let i = 0; i < leaving; i++) {
      const [one] = held.splice(Math.floor(random() * held.length), 1)
      if (!one) break
      yield { at: from + MONTH / 2, kind: 'exit', provider: one.provider.name, account: one.account, part: 1 }
      ready.push({ at: from + MONTH / 2 + 21 * DAY, exit: ++exits })
    }
    // Each once in about six months.
    for (const { provider, account } of held)
      if (random() < 1 / 6) yield { at: from + MONTH / 2, kind: 'claim', provider: provider.name, account }
    for (const { name } of joined)
      if (random() < 1 / 2) yield { at: from + MONTH / 2, kind: 'claim', provider: name, account: name }
  }
}

/** Lets one thing happen in the model, at `at` Unix seconds. A provider's worker has the provider's name. */
export function happen(economy: Economy, act: Act, at: number): void {
  switch (act.kind) {
    case 'join':
      return economy.join(act.provider, act.provider)
    case 'delegate':
      return void economy.delegate(at, act.provider, act.account, act.amount)
    case 'serve':
      economy.cover(at, act.provider, act.seconds)
      return economy.confirmGpus(at, act.provider, act.gpuClass, act.gpus, act.seconds)
    case 'lock':
      return economy.syncCollateral(at, act.provider)
    case 'commission':
      return economy.setCommission(at, act.provider, act.bps)
    case 'exit':
      return void economy.requestExit(
        at,
        act.provider,
        act.account,
        economy.positionOf(act.provider, act.account).shares,
      )
    case 'withdraw':
      return void economy.withdraw(act.exit)
    case 'claim':
      return void economy.claimReward(at, act.provider, act.account)
  }
}

/** Brings a pool up to date. */
function settleAll(economy: Economy, provider: string, at: number): void {
  while (!economy.settle(at, provider));
}

/** Runs a whole network through the model. `progress` is told the part that is done. */
export function simulate(scenario: Scenario, progress: (part: number) => void): Simulated {
  const economy = Economy.deployed({ start: 0, treasury: 'treasury' })
  const providers = new Map<string, { gpus: number; commission: number }>()
  let [acts, delegators, gpus, month] = [0, 0, 0, 0]
  const monthly: Look[] = []
  const look = (at: number) => {
    const epoch = Math.floor(at / EPOCH_SECONDS) - 2
    const total = economy.weights.totalOf(epoch)
    const stakeHour = Number(gpuBudgetOf(epoch)) / Number(economy.active)
    const yields = [...providers]
      .map(([name, { commission }]) => {
        const gpuHour =
          (Number(gpuBudgetOf(epoch)) * economy.weights.weightOf(name, epoch)) /
          total /
          2 /
          Number(economy.poolOf(name).assets)
        return (stakeHour * (1 - commission) + gpuHour) * 24 * 365
      })
      .sort((a, b) => a - b)
    const at_ = (part: number) => yields[Math.floor(part * (yields.length - 1))] ?? 0
    monthly.push({
      year: at / YEAR,
      providers: providers.size,
      delegators,
      staked: Number(economy.active / CLOI),
      gpus,
      yields: [at_(0.1), at_(0.5), at_(0.9)],
    })
  }
  for (const act of happenings(scenario)) {
    if (Math.floor(act.at / MONTH) > month) {
      month = Math.floor(act.at / MONTH)
      look(month * MONTH)
      progress((month * MONTH) / (scenario.years * YEAR))
    }
    acts++
    if (act.kind === 'join') {
      providers.set(act.provider, { gpus: act.gpus, commission: 0 })
      gpus += act.gpus
    }
    const provider = act.kind === 'commission' ? providers.get(act.provider) : undefined
    if (provider && act.kind === 'commission') provider.commission = Number(act.bps) / 10_000
    if (act.kind === 'delegate' && act.account !== act.provider) delegators++
    if (act.kind === 'exit') delegators--
    if (act.kind === 'delegate' || act.kind === 'exit' || act.kind === 'claim')
      settleAll(economy, act.provider, act.at)
    happen(economy, act, act.at)
  }
  const years = Array.from({ length: scenario.years }, (_, index) => {
    // The look nearest to the year's middle.
    const middle = index + 0.5
    const nearest = monthly.reduce((best, one) =>
      Math.abs(one.year - middle) < Math.abs(best.year - middle) ? one : best,
    )
    return { ...nearest, year: index + 1 }
  })
  return {
    acts,
    minted: economy.minted,
    emittedAll: economy.emittedBy(scenario.years * YEAR),
    monthly,
    years,
  }
}
