import { formatAmount, type PeriodRecord, type PoolRecord } from '@cloister/core'
import type { Cloister } from '@cloister/sdk'
import { note, paint, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { explainTimes, instant, percent, yearly } from '../../show.ts'
import { POOLS_SHOWN } from './pools-shown.ts'
import { cloi } from './positions.ts'

export async function showPools(options: Globals & { all?: boolean }): Promise<void> {
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
  const times = explainTimes(shown.flatMap(({ yields }) => [yields.trailing, yields.current]))
  if (times !== undefined) note(paint('dim', times, process.stderr))
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

function feesOf({ network }: Cloister, { fees }: PeriodRecord): string {
  const shown = fees.flatMap(({ token, amount }) => {
    const known = network.tokens.find(({ address }) => address === token)
    return known ? [`${formatAmount(BigInt(amount), known.decimals)} ${known.symbol}`] : []
  })
  return shown.length === 0 ? 'none' : shown.join(', ')
}

export function commission({ commissionBps, nextCommission }: PoolRecord): string {
  const next = nextCommission
    ? ` (${nextCommission.bps / 100}% from ${instant(nextCommission.from).slice(0, 10)})`
    : ''
  return `${commissionBps / 100}%${next}`
}
