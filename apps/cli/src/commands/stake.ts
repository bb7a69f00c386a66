import { readFileSync } from 'node:fs'
import {
  cancelExit,
  claimRewards,
  delegate,
  findToken,
  getClaimable,
  getPosition,
  getTokenBalance,
  type Reported,
  redelegate,
  reportContradiction,
  reportRefusal,
  requestExit,
  withdrawExit,
} from '@cloister/chain'
import {
  CloisterError,
  type DelegationRecord,
  formatAmount,
  formatDuration,
  type PeriodRecord,
  type PoolRecord,
  parseAmount,
  showAmount,
} from '@cloister/core'
import { auditStake, type Cloister, everyPage, findLease, walletOf } from '@cloister/sdk'
import { bar, facts, note, paint, Steps, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { type Address, getAddress, isAddress } from 'viem'
import { command, connect, type Globals } from '../context.ts'
import { payee } from '../payee.ts'
import { CLOI, instant, percent, short, yearly } from '../show.ts'

const POOLS_SHOWN = 25

export function addStake(program: Command): void {
  const stake = program
    .command('stake')
    .description('back providers with CLOI, and share what their pools earn')
  command(
    stake,
    'pools',
    'pools: stake, commission, GPUs, yields; and the network’s emission beside its fees',
    'cloister stake pools',
  )
    .option('--all', `show all of them, not just the ${POOLS_SHOWN} with most stake`)
    .action(showPools)
  command(
    stake,
    'delegate <provider> <amount>',
    'put CLOI into a provider’s pool',
    'cloister stake delegate 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 100',
  ).action(put)
  command(
    stake,
    'exit <provider> [amount]',
    'begin to leave a pool, with an amount or with everything; takes 21 days',
    'cloister stake exit 0x7099 50',
  ).action(leave)
  command(
    stake,
    'cancel <id>',
    'stay after all: an exit becomes active stake again',
    'cloister stake cancel 3',
  ).action(stay)
  command(
    stake,
    'withdraw [id]',
    'take out an exit that is ready, or all that are',
    'cloister stake withdraw',
  ).action(withdraw)
  command(
    stake,
    'move <from> <to> [amount]',
    'move stake to another pool without the waiting time, once in 21 days',
    'cloister stake move 0x7099 0x3c44',
  ).action(move)
  command(stake, 'rewards', 'what an account has staked, has leaving and can claim', 'cloister stake rewards')
    .option('--of <address>', 'whose; default: the account’s own')
    .action(showRewards)
  command(stake, 'claim', 'have rewards paid out, in one transaction', 'cloister stake claim')
    .option('--of <address>', 'whose, paid to them; default: the account’s own')
    .action(claim)
  command(
    stake,
    'audit',
    'recompute every pool, position, reward and the supply from the chain’s events alone',
    'cloister stake audit',
  ).action(audit)
  command(
    stake,
    'report <what> [and]',
    'report a refused lease, or two receipts or bids (JSON files) that contradict each other, for a reward',
    'cloister stake report LEASE',
  ).action(report)
}

async function showPools(options: Globals & { all?: boolean }): Promise<void> {
  const cloister = connect(options)
  const [pools, totals, providers] = await Promise.all([
    cloister.index.pools(),
    cloister.index.totals(),
    cloister.index.providers(),
  ])
  if (options.json) return sayJson({ pools, staked: totals.staked, periods: totals.periods })
  const shown = options.all ? pools : pools.slice(0, POOLS_SHOWN)
  if (pools.length === 0)
    say('Nobody has staked yet. A provider begins its own pool: cloister stake delegate PROVIDER AMOUNT')
  else
    say(
      table(
        [
          'provider',
          'workers',
          'stake',
          'own',
          'commission',
          'delegators',
          'GPU weight',
          'last 30 days',
          'current',
          'slashed',
        ],
        shown.map((pool) => {
          const provider = providers.find((one) => one.provider === pool.provider)
          return [
            pool.provider,
            provider ? `${provider.coveredWorkers} of ${provider.workers} up` : 'none',
            cloi(pool.stake, 0),
            percent(Number(pool.own) / Math.max(1, Number(pool.stake))),
            commission(pool),
            String(pool.delegators),
            pool.weight === 0 ? '–' : `${pool.weight / 10} of ${pool.totalWeight / 10}`,
            pool.yields.trailing === undefined ? '–' : yearly(pool.yields.trailing),
            yearly(pool.yields.current),
            pool.slashed === '0' ? '–' : paint('red', cloi(pool.slashed, 2)),
          ]
        }),
        ['stake', 'own', 'commission', 'delegators', 'GPU weight', 'last 30 days', 'current', 'slashed'],
      ),
    )
  if (shown.length < pools.length)
    say(paint('dim', `${pools.length - shown.length} more, with less stake: cloister stake pools --all`))
  say()
  say('Emission beside what the network earned:')
  say(
    table(
      ['period', 'from', 'emitted', 'fee income'],
      totals.periods.map((period) => [
        String(period.period + 1),
        instant(period.from).slice(0, 10),
        cloi(period.emitted, 0),
        feesOf(cloister, period),
      ]),
      ['emitted', 'fee income'],
    ),
  )
  note(
    paint(
      'dim',
      `Yields are a year's, simple, after commission. Last 30 days: what each share earned from settlement to settlement in that time, or since the pool began, as a part of what it is worth now.
Current: if stake, GPUs in service and emission stayed as they were in the last full hour; emission falls by a quarter every 180 days.
They are paid in newly made CLOI, not out of fees. Stake can be slashed, and takes 21 days to leave.`,
      process.stderr,
    ),
  )
}

async function put(provider: string, amount: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const to = payee(provider, 'cloister stake pools')
  const units = parseAmount(amount, CLOI.decimals)
  const held = await getTokenBalance(
    wallet,
    findToken(cloister.network, 'CLOI').address,
    wallet.account.address,
  )
  if (held < units)
    throw new CloisterError(
      'no-funds',
      `${wallet.account.address} has ${showAmount(held, CLOI)}, less than ${amount}.`,
      {
        hint: cloister.network.development
          ? 'On the development network: `cloister wallet faucet`.'
          : 'Get CLOI first.',
      },
    )
  const steps = new Steps(options.json === true)
  steps.begin('delegating', `${amount} CLOI to ${short(to)}`)
  const { shares, receipt } = await steps.until(delegate(wallet, to, units))
  if (options.json)
    return sayJson({ provider: to, amount: units, shares, transaction: receipt.transactionHash })
  say(
    `${amount} CLOI went into the pool of ${to}. They earn from now on, and answer for it: leaving takes 21 days (cloister stake exit ${to.slice(0, 8)}).`,
  )
}

async function leave(provider: string, amount: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const from = await providerOf(cloister, provider)
  const shares = await sharesFor(cloister, from, wallet.account.address, amount)
  const exit = await requestExit(wallet, from, shares)
  if (options.json) return sayJson({ ...exit, provider: from, shares })
  say(
    `${showAmount(exit.amount, CLOI)} are leaving the pool of ${from} (exit ${exit.id}). They earn nothing any more, can be slashed until then, and are ready ${instant(exit.readyAt)}.`,
  )
  say(paint('dim', `  Then: cloister stake withdraw    Stay after all: cloister stake cancel ${exit.id}`))
}

async function stay(id: string, options: Globals): Promise<void> {
  const { transactionHash } = await cancelExit(walletOf(connect(options)), idOf(id))
  if (options.json) return sayJson({ id, transaction: transactionHash })
  say(`Exit ${id} is cancelled: what was left of it is active stake again.`)
}

async function withdraw(id: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const waiting = await everyPage((from) =>
    cloister.index.exits({ account: wallet.account.address, state: 'waiting', limit: 200, ...from }),
  )
  const { timestamp } = await wallet.client.getBlock()
  const ready =
    id === undefined
      ? waiting.filter((exit) => exit.readyAt <= timestamp).map((exit) => BigInt(exit.id))
      : [idOf(id)]
  const withdrawn: { id: bigint; amount: bigint }[] = []
  for (const one of ready) withdrawn.push({ id: one, amount: await withdrawExit(wallet, one) })
  if (options.json) return sayJson(withdrawn)
  for (const one of withdrawn) say(`Withdrew ${showAmount(one.amount, CLOI)} (exit ${one.id}).`)
  if (withdrawn.length > 0) return
  const [next] = waiting
  say(
    next
      ? `Nothing is ready. Exit ${next.id}, ${cloi(next.worth)}, is in ${formatDuration(next.readyAt - Number(timestamp))}.`
      : 'Nothing is leaving. Begin with: cloister stake exit PROVIDER',
  )
}

async function move(from: string, to: string, amount: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const target = payee(to, 'cloister stake pools')
  const source = await providerOf(cloister, from)
  const shares = await sharesFor(cloister, source, wallet.account.address, amount)
  const { transactionHash } = await redelegate(wallet, source, target, shares)
  if (options.json) return sayJson({ from: source, to: target, shares, transaction: transactionHash })
  say(
    `Moved ${amount === undefined ? 'everything' : `${amount} CLOI`} from ${source} to ${target}. The next move is possible in 21 days.`,
  )
}

async function showRewards(options: Globals & { of?: string }): Promise<void> {
  const cloister = connect(options)
  const account = accountOf(cloister, options.of)
  const [delegations, exits, pools, claimable] = await Promise.all([
    delegationsOf(cloister, account),
    everyPage((from) => cloister.index.exits({ account, limit: 200, ...from })),
    cloister.index.pools(),
    claimableOf(cloister, account),
  ])
  const waiting = exits.filter((exit) => exit.state === 'waiting')
  const sum = claimable.reduce((total, { amount }) => total + amount, 0n)
  if (options.json)
    return sayJson({
      account,
      claimable: sum,
      delegations: delegations.map((one) => ({ ...one, claimable: amountIn(one.provider) })),
      exits,
    })
  function amountIn(provider: Address): bigint {
    return claimable.find((one) => one.provider === provider)?.amount ?? 0n
  }
  if (delegations.length === 0 && waiting.length === 0)
    return say(`${account} has staked nothing. See who there is: cloister stake pools`)
  say(
    table(
      ['provider', 'stake', 'to claim', 'claimed', 'current', 'for'],
      delegations.map((held) => [
        held.provider,
        cloi(held.worth, 4),
        showAmount(amountIn(held.provider), CLOI, 6),
        cloi(held.claimed, 6),
        yearly(pools.find(({ provider }) => provider === held.provider)?.yields.current ?? 0),
        formatDuration(Math.max(0, Math.round(Date.now() / 1000) - held.since)),
      ]),
      ['stake', 'to claim', 'claimed', 'current'],
    ),
  )
  if (waiting.length > 0) {
    say('\nLeaving:')
    say(
      table(
        ['exit', 'provider', 'worth', 'ready'],
        waiting.map((exit) => [exit.id, exit.provider, cloi(exit.worth, 4), instant(exit.readyAt)]),
        ['worth'],
      ),
    )
  }
  if (sum > 0n) say(paint('dim', `\n  ${showAmount(sum, CLOI, 6)} to claim: cloister stake claim`))
  note(
    paint(
      'dim',
      'Current: a year’s yield if everything stayed as in the last full hour; see cloister stake pools.',
      process.stderr,
    ),
  )
}

async function claim(options: Globals & { of?: string }): Promise<void> {
  const cloister = connect(options)
  const account = accountOf(cloister, options.of)
  const positions = (await claimableOf(cloister, account)).filter(({ amount }) => amount > 0n)
  const amount = positions.length === 0 ? 0n : await claimRewards(walletOf(cloister), positions)
  if (options.json) return sayJson({ account, amount, pools: positions.map(({ provider }) => provider) })
  say(
    amount === 0n
      ? `There is nothing to claim for ${account}.`
      : `Paid ${showAmount(amount, CLOI, 6)} to ${account}.`,
  )
}

async function report(what: string, and: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const done: Reported =
    and === undefined
      ? await reportRefusal(wallet, (await findLease(cloister, what)).lease)
      : await reportContradiction(wallet, readJson(what), readJson(and))
  if (options.json) return sayJson(done)
  say(
    facts([
      ['taken', `${showAmount(done.taken, CLOI, 6)} of the provider’s pool`],
      ['reward', `${showAmount(done.reward, CLOI, 6)} for ${wallet.account.address}`],
      ['transaction', done.transaction],
    ]),
  )
}

async function audit(options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  const began = performance.now()
  const { block, checks } = await steps.until(
    auditStake(cloister, (part) => steps.begin('events', `${bar(part, 1)} ${Math.round(part * 100)}%`)),
  )
  const wrong = checks.flatMap((check) => check.wrong)
  if (options.json) sayJson({ block, checks })
  else {
    say(
      table(
        ['recomputed from events', 'figures', ''],
        checks.map((check) => [
          check.what,
          String(check.figures),
          check.wrong.length === 0 ? paint('green', 'agree') : paint('red', `${check.wrong.length} do not`),
        ]),
        ['figures'],
      ),
    )
    for (const line of wrong) say(paint('red', `✘ ${line}`))
    say(
      paint(
        'dim',
        `At block ${block}, in ${((performance.now() - began) / 1000).toFixed(1)} s, out of the chain alone. GPU rewards, positions and claims to the unit; what stake earned to the contracts’ rounding.`,
      ),
    )
  }
  if (wrong.length > 0) process.exitCode = 1
}

function delegationsOf(cloister: Cloister, account: Address): Promise<DelegationRecord[]> {
  return everyPage((from) => cloister.index.delegations({ account, limit: 200, ...from }))
}

/**
 * Pools in which an account can claim, and how much. A provider can in its own, whether it has stake there
 * or not.
 */
async function claimableOf(
  cloister: Cloister,
  account: Address,
): Promise<{ provider: Address; account: Address; amount: bigint }[]> {
  const delegations = await delegationsOf(cloister, account)
  const providers = [...new Set([...delegations.map(({ provider }) => provider), account])]
  return Promise.all(
    providers.map(async (provider) => ({
      provider,
      account,
      amount: await getClaimable(cloister.chain, provider, account),
    })),
  )
}

/** Shares that are worth an amount, or all; never more than there are. */
async function sharesFor(
  cloister: Cloister,
  provider: Address,
  account: Address,
  amount: string | undefined,
): Promise<bigint> {
  const { shares, worth } = await getPosition(cloister.chain, provider, account)
  if (shares === 0n)
    throw new CloisterError('no-stake', `${account} has no stake in the pool of ${provider}.`, {
      hint: 'See yours: cloister stake rewards',
    })
  if (amount === undefined) return shares
  const units = parseAmount(amount, CLOI.decimals)
  if (units > worth)
    throw new CloisterError(
      'no-stake',
      `The stake there is worth ${showAmount(worth, CLOI)}, less than ${amount}.`,
    )
  return units === worth ? shares : (units * shares + worth - 1n) / worth
}

/** A provider by its address, or by the beginning of it. */
async function providerOf(cloister: Cloister, text: string): Promise<Address> {
  if (isAddress(text, { strict: false })) return getAddress(text)
  if (!/^0x[0-9a-fA-F]{4,39}$/.test(text))
    throw new CloisterError(
      'bad-address',
      `${text.slice(0, 60)} is not an address, nor the beginning of one.`,
    )
  const [pools, providers] = await Promise.all([cloister.index.pools(), cloister.index.providers()])
  const known = [...new Set([...pools, ...providers].map(({ provider }) => provider))].filter((one) =>
    one.toLowerCase().startsWith(text.toLowerCase()),
  )
  const [only, ...others] = known
  if (only && others.length === 0) return only
  throw new CloisterError(
    'bad-address',
    only ? `${text} could be ${known.join(' or ')}.` : `No provider's address begins with ${text}.`,
    {
      hint: 'See them: cloister stake pools',
    },
  )
}

function accountOf(cloister: Cloister, of: string | undefined): Address {
  if (of === undefined) return walletOf(cloister).account.address
  if (!isAddress(of, { strict: false }))
    throw new CloisterError('bad-address', `${of.slice(0, 60)} is not an address.`)
  return getAddress(of)
}

function feesOf({ network }: Cloister, { fees }: PeriodRecord): string {
  const shown = fees.flatMap(({ token, amount }) => {
    const known = network.tokens.find(({ address }) => address === token)
    return known ? [`${formatAmount(BigInt(amount), known.decimals)} ${known.symbol}`] : []
  })
  return shown.length === 0 ? 'none' : shown.join(', ')
}

function commission({ commissionBps, nextCommission }: PoolRecord): string {
  const next = nextCommission
    ? ` (${nextCommission.bps / 100}% from ${instant(nextCommission.from).slice(0, 10)})`
    : ''
  return `${commissionBps / 100}%${next}`
}

function idOf(text: string): bigint {
  if (!/^\d{1,20}$/.test(text))
    throw new CloisterError('bad-option', `${text.slice(0, 30)} is not the number of an exit.`)
  return BigInt(text)
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new CloisterError('bad-report', `${path} can not be read as JSON.`, { cause })
  }
}

function cloi(amount: string, places = 2): string {
  return showAmount(BigInt(amount), CLOI, places)
}
