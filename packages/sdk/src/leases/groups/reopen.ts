import { closeLease, findToken, getLease } from '@cloister/chain'
import { CloisterError, type Policy } from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../../cloister.ts'
import { checkSecrets } from '../deploy.ts'
import type { AskedDeposit } from '../deposit.ts'
import { checkContents } from '../send.ts'
import { MOST_TIMES } from './choose.ts'
import { groupManifest } from './deploy.ts'
import { find, type Group, ownNamed } from './find.ts'
import { openReplicas, type Planned, startReplica } from './open.ts'

/** A replica that is to be there again. */
export interface Place {
  /** The group's name. */
  name: string
  replica: number
}

/**
 * Opens a replica in a place of a group, on a worker that has none of it, with the manifest that the others
 * run, for no more than twice what the most expensive of them costs unless `maxRatePerSecond` is said: nobody
 * is there to be asked. Resolves when it runs; one that doesn't start is closed. Throws `not-found` where no
 * other replica is open, and what `scale` throws.
 *
 * @example
 * ```ts
 * import { groups } from '@cloister/sdk'
 *
 * await groups.reopen(cloister, { name: 'my-app', replica: 2 }, {
 *   deposit: ({ bid }) => bid.ratePerSecond * 86_400n,
 *   onPlanned: ({ chosen }) => console.log(chosen.lease),
 * })
 * ```
 */
export async function reopen(
  cloister: Cloister,
  { name, replica }: Place,
  {
    deposit,
    policy,
    envelope,
    maxRatePerSecond,
    onPlanned,
  }: {
    deposit: AskedDeposit
    /** What the others' manifest takes of sealed secrets: its app opens them on any worker that it allows. */
    envelope?: Envelope | undefined
    policy?: Policy | undefined
    maxRatePerSecond?: bigint | undefined
    onPlanned(planned: Planned): void
  },
): Promise<void> {
  const group = await othersOf(cloister, name)
  const manifest = await manifestFor(cloister, group, envelope)
  const [first] = group.members
  await openReplicas(cloister, {
    manifest,
    name,
    policy,
    envelope,
    deposit,
    maxRatePerSecond: maxRatePerSecond ?? (await ceilingOf(cloister, group)),
    places: [replica],
    beside: group.members,
    pay: findToken(cloister.network, first?.token ?? '').symbol,
    onPlanned: ([planned]) => planned && onPlanned(planned),
  })
}

/**
 * Goes on with a replica that was opened and may not run yet. One that doesn't start is closed.
 *
 * @example
 * ```ts
 * import { groups, leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * await groups.resume(cloister, 'my-app', lease)
 * ```
 */
export async function resume(
  cloister: Cloister,
  name: string,
  lease: Hex,
  envelope?: Envelope,
): Promise<void> {
  const { worker } = await getLease(cloister.chain, lease)
  try {
    const manifest = await manifestFor(cloister, await othersOf(cloister, name, lease), envelope)
    await startReplica(
      cloister,
      { lease, worker: await cloister.index.worker(worker) },
      { manifest, envelope },
    )
  } catch (error) {
    await closeLease(walletOf(cloister), lease)
    throw error
  }
}

/**
 * Whether a lost replica is to stay away: its tenant has closed it, or another open lease has its place.
 *
 * @example
 * ```ts
 * import { groups, leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * const stays = await groups.isGivenUp(cloister, { name: 'my-app', replica: 2 }, lease)
 * ```
 */
export async function isGivenUp(cloister: Cloister, { name, replica }: Place, lost: Hex): Promise<boolean> {
  const open = await ownNamed(cloister, name)
  if (open.some((lease) => lease.replica === replica && lease.lease !== lost)) return true
  const { state, tenant } = await getLease(cloister.chain, lost)
  if (state !== 'closed') return false
  const { items } = await cloister.index.events({ lease: lost, name: 'LeaseClosed', limit: 1 })
  return items[0]?.args['by'] === tenant
}

/** By what the chain says that they cost, in base units per second. */
async function ceilingOf({ chain }: Cloister, { members }: Group): Promise<bigint> {
  let most = 0n
  for (const { ratePerSecond } of await Promise.all(members.map(({ lease }) => getLease(chain, lease))))
    if (ratePerSecond > most) most = ratePerSecond
  return most * MOST_TIMES
}

async function othersOf(cloister: Cloister, name: string, but?: Hex): Promise<Group> {
  const members = (await find(cloister, name))?.members.filter(({ lease }) => lease !== but) ?? []
  if (members.length > 0) return { name, members }
  throw new CloisterError('not-found', `No other replica of ${name} is open, so nobody knows what it runs.`, {
    hint: 'Deploy it anew.',
  })
}

/** What the others run. Throws `not-sent` or `secrets-missing` where that takes what nobody here has. */
async function manifestFor(cloister: Cloister, group: Group, envelope: Envelope | undefined) {
  const manifest = await groupManifest(cloister, group)
  checkContents(manifest, [])
  checkSecrets(manifest, envelope)
  return manifest
}
