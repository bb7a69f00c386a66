import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Chain, getClaimable, getConfirmedGpus, getStanding, getWorker } from '@cloister/chain'
import { CloisterError, type EpochRecord, showAmount } from '@cloister/core'
import type { Cloister } from '@cloister/sdk'
import { bar, facts, note, paint, say, sayJson, table } from '@cloister/terminal'
import type { Address } from 'viem'
import { connect } from '../../context.ts'
import { CLOI, instant, percent, yearly } from '../../show.ts'
import type { ProviderOptions } from './options.ts'

/** What a provider's GPUs earned in each hour, and what it can claim. */
export async function showRewards(options: ProviderOptions & { hours: string }): Promise<void> {
  if (!/^\d{1,3}$/.test(options.hours) || Number(options.hours) < 1 || Number(options.hours) > 720)
    throw new CloisterError('bad-option', '--hours takes a number from 1 to 720.')
  const { cloister, provider, worker } = await providerOf(options)
  const [epochs, pool, claimable, standing] = await Promise.all([
    cloister.index.epochs({ provider, limit: Math.min(720, Number(options.hours) + 1) }),
    cloister.index.pool(provider).catch(() => undefined),
    getClaimable(cloister.chain, provider, provider),
    worker && standingOf(cloister.chain, worker),
  ])
  const closed = epochs.filter((epoch) => epoch.closed).slice(0, Number(options.hours))
  const mine = (epoch: EpochRecord) => epoch.pools.find((one) => one.provider === provider)
  const earned = closed.reduce((sum, epoch) => sum + BigInt(mine(epoch)?.reward ?? 0), 0n)
  if (options.json)
    return sayJson({
      provider,
      claimable,
      earned,
      hours: closed.map((epoch) => ({ ...epoch, pools: undefined, mine: mine(epoch) ?? null })),
      pool: pool ?? null,
      standing: standing ?? null,
    })
  if (closed.some((epoch) => mine(epoch)))
    say(
      table(
        ['hour', 'from', 'weight', 'of all', '', 'GPUs earned'],
        closed.map((epoch) => {
          const own = mine(epoch)
          return [
            String(epoch.epoch),
            instant(epoch.from),
            own ? String(own.weight / 10) : '–',
            own ? percent(own.weight / epoch.weight) : '',
            own ? bar(own.weight, epoch.weight, 10) : '',
            own
              ? showAmount(BigInt(own.reward), CLOI, 4)
              : paint('dim', 'nothing: not covered, vouched for and backed throughout'),
          ]
        }),
        ['hour', 'weight', 'of all', 'GPUs earned'],
      ),
    )
  else
    say(
      closed.length === 0
        ? 'No hour of emission is over yet.'
        : `No GPUs of ${provider} counted in the last ${hours(closed.length)}.`,
    )
  say()
  say(
    facts([
      ['now', standing?.text],
      [
        'GPUs',
        `${showAmount(earned, CLOI, 4)} in ${hours(closed.length)}: half is the provider’s, half its pool’s`,
      ],
      [
        'pool',
        pool &&
          `${showAmount(BigInt(pool.stake), CLOI, 0)}, ${showAmount(BigInt(pool.locked), CLOI, 0)} of it collateral`,
      ],
      ['to claim', `${showAmount(claimable, CLOI, 6)}: cloister stake claim --of ${provider}`],
      [
        'yield',
        pool && `${yearly(pool.yields.current)} a year for its delegators, if all stayed as in the last hour`,
      ],
    ]),
  )
  note(
    paint(
      'dim',
      'Weights in H100s. The present hour counts when it is over. What anybody could recompute is in docs/economics.md.',
      process.stderr,
    ),
  )
}

function hours(count: number): string {
  return count === 1 ? '1 hour' : `${count} hours`
}

/** What a worker's GPUs weigh at the moment, and what they lack where they weigh nothing. */
async function standingOf(chain: Chain, worker: Address): Promise<{ weight: number; text: string }> {
  const [{ weight, gpusUntil }, confirmed] = await Promise.all([
    getStanding(chain, worker),
    getConfirmedGpus(chain, worker),
  ])
  const text =
    confirmed.gpus === 0
      ? 'nobody vouches for GPUs of this worker'
      : weight === 0
        ? `${confirmed.gpus} × ${confirmed.gpuClass} vouched for, but there is no collateral for them: cloister provider join`
        : `${confirmed.gpus} × ${confirmed.gpuClass} weigh ${weight / 10}, vouched for until ${instant(gpusUntil)}`
  return { weight, text }
}

/** The provider of the worker that the configuration here describes; else the account's own. */
async function providerOf(
  options: ProviderOptions,
): Promise<{ cloister: Cloister; provider: Address; worker?: Address }> {
  if (!existsSync(resolve(options.config))) {
    const cloister = connect(options)
    if (!cloister.wallet)
      throw new CloisterError('no-wallet', 'There is neither a configuration file nor an account here.', {
        hint: 'Add --config or --account.',
      })
    return { cloister, provider: cloister.wallet.account.address }
  }
  const { loadAgentConfig, loadWorkerKey } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const cloister = connect({ ...options, network: config.network })
  const { address } = loadWorkerKey(config.folder)
  const worker = await getWorker(cloister.chain, address)
  if (!worker)
    throw new CloisterError('not-registered', 'The worker is not registered.', {
      hint: 'Register it with `cloister provider join`.',
    })
  return { cloister, provider: worker.provider, worker: address }
}
