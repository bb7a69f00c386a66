import { homedir } from 'node:os'
import { join } from 'node:path'
import { getLease } from '@cloister/chain'
import { CloisterError, formatDuration, isSimulated, messageOf, parseAmount } from '@cloister/core'
import { type Channel, Keeper, Mail, type ReplaceRules, StateFile, Webhook } from '@cloister/keeper'
import { takeLock } from '@cloister/operations/lock'
import { type Cloister, groups, leases, walletOf } from '@cloister/sdk'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { secondsOf } from '../../durations.ts'
import { sealedByGroup } from './keep-sealed.ts'
import { type ScheduleOptions, snapshotRules } from './keep-snapshots.ts'
import { onInterrupt } from './streams.ts'

export interface KeepOptions extends Globals, ScheduleOptions {
  every: string
  low: string
  webhook?: string[]
  mailTo?: string[]
  mailFrom?: string
  topUp?: string
  mostPerDay?: string
  payFrom?: string
  replace?: boolean
  sealed?: string[]
  lostAfter: string
  once?: boolean
}

/** Statuses asked for at one time. */
const MAX_AT_ONCE = 8

/** Watches leases until it is ended. */
export async function runKeep(keys: string[], options: KeepOptions): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { network } = cloister
  const wanted = new Set<Hex>()
  const named: string[] = []
  for (const key of keys) {
    const group = await groups.find(cloister, key)
    if (group) {
      named.push(group.name)
      for (const { lease } of group.members) wanted.add(lease)
    } else wanted.add((await leases.findLease(cloister, key)).lease)
  }
  const channels = channelsOf(options)
  const lowSeconds = secondsOf(options.low)
  const everyMs = Math.max(1, secondsOf(options.every)) * 1000
  const most = mostPerDay(cloister, options)
  const topUp = topUpOf(cloister, options, lowSeconds, most)
  const snapshots = await snapshotRules(cloister, options)
  const path = statePath(network.chainId, account.address)
  const unlock = takeLock(
    path,
    () =>
      new CloisterError('already-running', 'Another process watches the leases of this account already.', {
        hint: 'End it first: two would tell and pay everything twice.',
      }),
  )
  const aborter = onInterrupt()
  process.once('SIGTERM', () => aborter.abort())
  const keeper = new Keeper({
    file: new StateFile(path),
    channels,
    lowSeconds,
    topUp,
    snapshots,
    replace: replacementsOf(cloister, options, most),
    network: { name: network.name, simulated: isSimulated(network) },
    look: async (known) =>
      statusesOf(cloister, await withMembers(cloister, wanted, named), known, (lease, error) =>
        tell(options, 'not-looked', `It could not be looked at: ${messageOf(error)}`, lease),
      ),
    say: (kind, message, lease) => tell(options, kind, message, lease),
  })
  try {
    if (options.once) return await keeper.once()
    const whom =
      channels.length === 0 ? 'nobody but this terminal' : channels.map(({ name }) => name).join(', ')
    const which = wanted.size > 0 ? `${wanted.size} of your leases` : 'all your leases'
    const pays = topUp ? `; pays so that each lasts ${formatDuration(topUp.toSeconds)}` : ''
    const opens = options.replace ? '; opens lost replicas elsewhere' : ''
    note(
      `Watching ${which} every ${formatDuration(everyMs / 1000)}${pays}${opens}${snapshots ? `; a snapshot every ${formatDuration(snapshots.everyMs / 1000)}` : ''}. Told: ${whom}. Ctrl-C ends it.`,
    )
    await keeper.run(everyMs, aborter.signal)
  } finally {
    unlock()
  }
}

function channelsOf({ webhook = [], mailTo = [], mailFrom }: KeepOptions): Channel[] {
  const secret = process.env['CLOISTER_WEBHOOK_SECRET']
  const server = process.env['CLOISTER_SMTP']
  if (mailTo.length > 0 && server === undefined)
    throw new CloisterError('bad-option', 'No mail server is named.', {
      hint: 'Set CLOISTER_SMTP, such as smtps://user:password@mail.example.com.',
    })
  return [
    ...webhook.map((url) => new Webhook(url, secret)),
    ...mailTo.map((to) => new Mail({ server: server ?? '', from: mailFrom ?? to, to })),
  ]
}

/** What may be spent a day, by token; undefined where nothing is. */
function mostPerDay(
  { network }: Cloister,
  { mostPerDay: said, topUp, replace, payFrom }: KeepOptions,
): ((token: string) => bigint) | undefined {
  if (payFrom !== undefined && topUp === undefined)
    throw new CloisterError('bad-option', '--pay-from is for --top-up, which is not given.')
  const spends = topUp !== undefined || replace === true
  if (!spends && said !== undefined)
    throw new CloisterError('bad-option', '--most-per-day is for --top-up and --replace; neither is given.')
  if (!spends) return undefined
  if (said === undefined)
    throw new CloisterError(
      'bad-option',
      'With --top-up and --replace, say what may be paid a day at the most.',
      {
        hint: 'Add --most-per-day, in whole tokens: --most-per-day 5',
      },
    )
  const most = new Map(
    network.tokens.map(({ address, decimals }) => [address as string, parseAmount(said, decimals)]),
  )
  return (token) => most.get(token) ?? 0n
}

function topUpOf(
  cloister: Cloister,
  options: KeepOptions,
  lowSeconds: number,
  most: ((token: string) => bigint) | undefined,
) {
  if (options.topUp === undefined || !most) return undefined
  const toSeconds = secondsOf(options.topUp)
  if (toSeconds <= lowSeconds)
    throw new CloisterError(
      'bad-option',
      `--top-up has to be longer than --low, which is ${formatDuration(lowSeconds)}.`,
    )
  const payer = options.payFrom === undefined ? cloister : connect({ ...options, account: options.payFrom })
  return {
    tenant: walletOf(cloister).account.address,
    belowSeconds: lowSeconds,
    toSeconds,
    mostPerDay: most,
    // By its whole id: the payer's own leases are none of these.
    pay: (lease: Hex, amount: bigint) => leases.topUp(payer, lease, amount),
  }
}

/** How lost replicas are opened elsewhere; undefined where they aren't. The account itself pays for them. */
function replacementsOf(
  cloister: Cloister,
  { replace, lostAfter, topUp, sealed }: KeepOptions,
  most: ((token: string) => bigint) | undefined,
): ReplaceRules | undefined {
  const envelopes = sealedByGroup(sealed, replace === true)
  if (replace !== true || !most) return undefined
  const seconds = BigInt(secondsOf(topUp ?? '1d'))
  return {
    lostMs: secondsOf(lostAfter) * 1000,
    mostPerDay: most,
    isGivenUp: (lost) => groups.isGivenUp(cloister, placeOf(lost), lost.lost as Hex),
    open: (lost, planned) =>
      groups.reopen(cloister, placeOf(lost), {
        deposit: ({ bid }) => bid.ratePerSecond * seconds,
        envelope: envelopes.get(placeOf(lost).name),
        onPlanned: ({ chosen: { lease, bid }, deposit }) =>
          planned({ lease, token: bid.token, deposit, expiry: bid.expiry }),
      }),
    resume: (lost, lease) => {
      const { name } = placeOf(lost)
      return groups.resume(cloister, name, lease, envelopes.get(name))
    },
    stateOf: async (lease) => {
      const block = await cloister.chain.client.getBlock()
      const { state } = await getLease(cloister.chain, lease)
      return { state, now: Number(block.timestamp) }
    },
    close: (lease) => leases.close(cloister, lease),
  }
}

function placeOf({ name, replica }: { name: string; replica: number }) {
  return { name: name.split('/')[0] ?? name, replica }
}

/** Adds what groups have now that were named; those that were closed since are told of, too. */
async function withMembers(
  cloister: Cloister,
  wanted: Set<Hex>,
  named: readonly string[],
): Promise<Set<Hex>> {
  for (const name of named)
    for (const { lease } of (await groups.find(cloister, name))?.members ?? []) wanted.add(lease)
  return wanted
}

/**
 * Statuses of the leases that were named, or else of all of the account's that are open; and of those watched
 * before. One that can't be had is told to `fail`, and holds no other up.
 */
async function statusesOf(
  cloister: Cloister,
  wanted: ReadonlySet<Hex>,
  known: readonly Hex[],
  fail: (lease: Hex, error: unknown) => void,
) {
  const ids = new Set<Hex>(wanted)
  const { account } = walletOf(cloister)
  if (wanted.size === 0) {
    const { items } = await cloister.index.leases({ tenant: account.address, open: true, limit: 200 })
    for (const { lease } of items) ids.add(lease)
    for (const lease of known) ids.add(lease)
  }
  const pending = [...ids]
  const found: Awaited<ReturnType<typeof leases.status>>[] = []
  const work = async () => {
    for (let id = pending.shift(); id; id = pending.shift())
      await leases.status(cloister, id).then(
        (status) => found.push(status),
        (error) => fail(id, error),
      )
  }
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, work))
  // An index may list what it likes; whose a lease is, the chain says.
  return found.filter(({ lease, tenant }) => wanted.has(lease) || tenant === account.address)
}

function tell({ json }: Globals, kind: string, message: string, lease: string | undefined): void {
  const time = new Date().toISOString()
  if (json) return sayJson({ time, kind, lease, message })
  const about = lease === undefined ? '' : `${printable(lease)}: `
  say(
    `${paint('dim', time.slice(0, 19).replace('T', ' '))}  ${kind.padEnd(13)} ${about}${printable(message)}`,
  )
}

/** One memory for each account of a network. */
function statePath(chainId: number, account: string): string {
  const home = process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister')
  return join(home, 'keep', `${chainId}-${account.toLowerCase()}.json`)
}
