import { getBilling } from '@cloister/chain'
import { throughAbsence } from '@cloister/client'
import { CloisterError, GrowingPause, hashManifest, type Manifest, messageOf, pause } from '@cloister/core'
import type { Hex } from 'viem'
import type { Cloister } from '../../cloister.ts'
import { sessionOf } from '../../session.ts'
import { patienceOf, type UpdateOptions, update as updateOne } from '../update.ts'
import { groupManifest } from './deploy.ts'
import type { Group, Member } from './find.ts'

/** An update of a group that was begun and isn't over, as it is written down before its first step. */
export interface Rollout {
  name: string
  to: Hex
  /** What ran before; undefined where nothing did. */
  previous: Manifest | undefined
}

/** Where updates of groups are written down, by name. Each is committed when `write` returns. */
export interface RolloutJournal {
  read(name: string): Rollout | undefined
  write(rollout: Rollout): void
  remove(name: string): void
}

export interface GroupUpdateOptions extends Omit<UpdateOptions, 'onStep' | 'pull'> {
  journal: RolloutJournal
  onStep?: (replica: number, text: string) => void
  /** Milliseconds between one replica that is healthy again and the next, so that gateways hear of it. */
  pauseMs?: number
}

/** What an update of a group did. */
export interface GroupUpdated {
  name: string
  manifestHash: Hex
  /** Places of replicas that have it now and hadn't. */
  updated: number[]
}

/** Gateways ask replicas every second how they are. */
const PAUSE_MS = 2_000

/**
 * Puts a new manifest on one replica of a group after another: the next one when the one before is healthy,
 * and its worker attested. Stops where one fails, which goes back to the manifest before by itself; those
 * after it keep that, those before it have the new one, and `update-failed` says so. Called again, it goes on
 * with those that haven't the manifest yet.
 *
 * @example
 * ```ts
 * import { groups, type Rollout, type RolloutJournal } from '@cloister/sdk'
 *
 * const rollouts = new Map<string, Rollout>()
 * const journal: RolloutJournal = {
 *   read: (name) => rollouts.get(name),
 *   write: (rollout) => void rollouts.set(rollout.name, rollout),
 *   remove: (name) => void rollouts.delete(name),
 * }
 * const group = await groups.find(cloister, 'my-app')
 * if (group) await groups.update(cloister, group, manifest, { journal })
 * ```
 */
export async function update(
  cloister: Cloister,
  group: Group,
  manifest: Manifest,
  { journal, onStep = () => {}, pauseMs = PAUSE_MS, ...options }: GroupUpdateOptions,
): Promise<GroupUpdated> {
  const { name, members } = group
  const to = hashManifest(manifest)
  const known = journal.read(name)
  // What ran before the first of several attempts is what somebody may want back.
  const previous = known ? known.previous : await groupManifest(cloister, group).catch(() => undefined)
  if (!previous || hashManifest(previous) !== to) journal.write({ name, to, previous })
  const updated: number[] = []
  let isFirst = true
  for (const member of members) {
    try {
      if (!isFirst) await pause(pauseMs)
      const tell = (text: string) => onStep(member.replica, text)
      const { handedOver } = await updateOne(cloister, member.lease, manifest, { ...options, onStep: tell })
      await untilHealthy(cloister, member, options.timeoutMs ?? patienceOf(manifest), tell)
      isFirst = !handedOver
      if (handedOver) updated.push(member.replica)
    } catch (error) {
      throw stopped(group, member, error)
    }
  }
  journal.remove(name)
  return { name, manifestHash: to, updated }
}

/**
 * Puts what ran before an update that stopped back on the replicas that have the new manifest, one after
 * another. Throws `not-found` where none was begun, and what `update` throws.
 *
 * @example
 * ```ts
 * import { groups, type RolloutJournal } from '@cloister/sdk'
 *
 * const journal: RolloutJournal = { read: () => undefined, write: () => {}, remove: () => {} }
 * const group = await groups.find(cloister, 'my-app')
 * if (group) await groups.rollBack(cloister, group, { journal })
 * ```
 */
export async function rollBack(
  cloister: Cloister,
  group: Group,
  options: GroupUpdateOptions,
): Promise<GroupUpdated> {
  return update(cloister, group, previousOf(options.journal, group.name), options)
}

function previousOf(journal: RolloutJournal, name: string): Manifest {
  const { previous } = journal.read(name) ?? {}
  if (!previous)
    throw new CloisterError('not-found', `No update of ${name} that stopped is known on this machine.`, {
      hint: 'Update it with the file that is to run.',
    })
  return previous
}

/** Waits until a replica's containers are ready and its worker is covered. Throws `start-failed`. */
async function untilHealthy(
  cloister: Cloister,
  member: Member,
  patienceMs: number,
  tell: (text: string) => void,
): Promise<void> {
  const { worker } = sessionOf(cloister, member)
  const until = Date.now() + patienceMs
  const pauses = new GrowingPause({ firstMs: 50, longestMs: 1_000 })
  for (;;) {
    const [{ state, services }, { until: coveredUntil }] = await Promise.all([
      throughAbsence(() => worker.lease(member.lease)),
      getBilling(cloister.chain, member.worker),
    ])
    const isUp = state === 'running' || state === 'completed'
    if (isUp && Number(coveredUntil) > Date.now() / 1000) return
    if (state === 'failed' || state === 'closed') throw new CloisterError('start-failed', `It is ${state}.`)
    if (Date.now() > until)
      throw new CloisterError(
        'start-failed',
        isUp ? 'Its worker is not attested in time.' : 'It is not healthy in time.',
      )
    const ready = services.filter((service) => service.state === 'running').length
    tell(isUp ? 'waiting for the worker to be attested' : `${ready} of ${services.length} containers ready`)
    await pauses.wait()
  }
}

/** Says how far it came, and what can be done. */
function stopped({ name, members }: Group, failed: Member, error: unknown): CloisterError {
  const places = members.map(({ replica }) => replica)
  const at = members.indexOf(failed)
  const named = (some: number[]) => (some.length === 0 ? 'none' : some.join(', '))
  return new CloisterError(
    'update-failed',
    `Replica ${failed.replica} of ${name} on ${failed.worker}: ${messageOf(error)} The update stops here. Updated before: ${named(places.slice(0, at))}; not touched: ${named(places.slice(at + 1))}.`,
    {
      hint: `Mend what is wrong and go on with --continue, or take it back with --rollback.`,
      cause: error,
    },
  )
}
