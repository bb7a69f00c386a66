import { addressOf, classOf, type EconomyStage, raiseEconomy } from '@cloister/development/economy-stage'
import { Economy } from '@cloister/economy/model'
import { type Act, happen, happenings } from './simulation.ts'

/** How much was done, and how many figures were compared. */
interface Agreed {
  acts: number
  figures: number
}

/**
 * A small network out of the same seed, each act of which happens to the contracts and to the model at the
 * same instant. Throws where a figure differs by a unit.
 */
export async function agreeWithContracts(
  sample: { seed: number; providers: number; delegators: number; days: number },
  progress: (part: number) => void,
): Promise<Agreed> {
  const stage = await raiseEconomy()
  try {
    const economy = Economy.deployed({ start: stage.start, treasury: 'treasury' })
    const { client } = stage.chain.wallet(0)
    const accounts = new Map<string, bigint>()
    const positions = new Map<string, { provider: string; account: string }>()
    const providers: string[] = []
    let acts = 0
    // Half of everybody comes within the first months.
    for (const act of happenings({ ...sample, years: 1, half: 0.15 })) {
      if (act.at > sample.days * 86_400) break
      const now = Number((await client.getBlock()).timestamp)
      const due = stage.start + act.at
      if (due > now + 1) await client.request({ method: 'evm_setNextBlockTimestamp', params: [due] } as never)
      if (act.kind === 'join') providers.push(act.provider)
      if (act.kind === 'delegate') {
        accounts.set(act.account, (accounts.get(act.account) ?? 0n) + act.amount)
        positions.set(`${act.provider} ${act.account}`, act)
      }
      if (act.kind === 'delegate' || act.kind === 'exit' || act.kind === 'claim')
        await settleAll(stage, economy, act.provider)
      await both(stage, economy, act)
      acts++
      progress(act.at / (sample.days * 86_400))
    }
    let figures = 0
    const equal = (what: string, found: unknown, expected: unknown) => {
      figures++
      if (found !== expected) throw new Error(`${what}: the contracts have ${found}, the model ${expected}`)
    }
    for (const [account, given] of accounts)
      equal(
        `balance of ${account}`,
        await stage.read('token', 'balanceOf', addressOf(account)),
        given + (economy.balances.get(account) ?? 0n),
      )
    for (const { provider, account } of positions.values()) {
      const [shares, worth, rewards] = (await stage.read(
        'stake',
        'positionOf',
        addressOf(provider),
        addressOf(account),
      )) as [bigint, bigint, bigint]
      const expected = economy.positionOf(provider, account)
      equal(`shares of ${account}`, shares, expected.shares)
      equal(`worth of ${account}`, worth, expected.worth)
      equal(`rewards of ${account}`, rewards, expected.rewards)
    }
    equal('what was created', await stage.read('emission', 'minted'), economy.minted)
    return { acts, figures }
  } finally {
    await stage.stop()
  }
}

/** Brings a pool up to date, which takes several calls where it wasn't for weeks. */
async function settleAll(stage: EconomyStage, economy: Economy, provider: string): Promise<void> {
  for (;;) {
    const done = await stage.send(stage.governance, 'stake', 'settle', addressOf(provider))
    if (!done || economy.settle(done.at, provider)) return
  }
}

/** Does one thing on the chain, then in the model at the instant the chain says. */
async function both(stage: EconomyStage, economy: Economy, act: Act): Promise<void> {
  const at = async (done: ReturnType<EconomyStage['send']>) => {
    const { at: instant } = (await done) ?? {}
    if (instant === undefined)
      throw new Error(
        `the contracts refuse ${JSON.stringify(act, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
      )
    return instant
  }
  const { governance } = stage
  const who = (name: string) => addressOf(name)
  switch (act.kind) {
    case 'join':
      await stage.send(governance, 'workers', 'join', who(act.provider), who(act.provider))
      return happen(economy, act, 0)
    case 'delegate':
      await stage.fund(who(act.account), act.amount)
      return happen(
        economy,
        act,
        await at(stage.send(who(act.account), 'stake', 'delegate', who(act.provider), act.amount)),
      )
    case 'serve': {
      const { provider, gpuClass, gpus, seconds } = act
      economy.cover(
        await at(stage.send(governance, 'workers', 'cover', who(provider), BigInt(seconds))),
        provider,
        seconds,
      )
      const confirmed = stage.send(
        governance,
        'workers',
        'confirm',
        who(provider),
        classOf(gpuClass),
        BigInt(gpus),
        BigInt(seconds),
      )
      return economy.confirmGpus(await at(confirmed), provider, gpuClass, gpus, seconds)
    }
    case 'lock':
      return happen(
        economy,
        act,
        await at(stage.send(who(act.provider), 'stake', 'syncCollateral', who(act.provider))),
      )
    case 'commission':
      return happen(economy, act, await at(stage.send(who(act.provider), 'stake', 'setCommission', act.bps)))
    case 'exit': {
      const { shares } = economy.positionOf(act.provider, act.account)
      return happen(
        economy,
        act,
        await at(stage.send(who(act.account), 'stake', 'requestExit', who(act.provider), shares)),
      )
    }
    case 'withdraw': {
      const exit = (await stage.read('stake', 'exitOf', act.exit)) as { account: `0x${string}` }
      return happen(economy, act, await at(stage.send(exit.account, 'stake', 'withdraw', act.exit)))
    }
    case 'claim': {
      // As of the pool's last settlement a newcomer may have nothing; the contract then pays nothing.
      const claimed = stage.send(governance, 'stake', 'claimReward', who(act.provider), who(act.account))
      return happen(economy, act, await at(claimed))
    }
  }
}
