import { CloisterError, type Manifest, MOST_REPLICAS } from '@cloister/core'
import type { Cloister } from '../../cloister.ts'
import type { Closed } from '../close.ts'
import { closeMembers } from './close.ts'
import { groupManifest, untilListed } from './deploy.ts'
import type { Group } from './find.ts'
import { type OpenedReplica, openReplicas, type ReplicasParameters } from './open.ts'

/** What a group has got, or lost. */
export interface Scaled {
  name: string
  opened: OpenedReplica[]
  closed: Closed[]
  /** How many it has now. */
  replicas: number
}

/**
 * Gives a group so many replicas: opens those that are missing with one transaction, with the manifest that
 * the others run unless another is given, or closes those with the highest places. Throws `bad-option`, and
 * what `deploy` and `close` of groups throw.
 *
 * @example
 * ```ts
 * import { groups } from '@cloister/sdk'
 *
 * const group = await groups.find(cloister, 'my-app')
 * if (group)
 *   await groups.scale(cloister, group, 5, {
 *     pay: 'USDC',
 *     deposit: ({ bid }) => bid.ratePerSecond * 7200n,
 *   })
 * ```
 */
export async function scale(
  cloister: Cloister,
  group: Group,
  replicas: number,
  parameters: Omit<ReplicasParameters, 'name' | 'places' | 'beside' | 'manifest'> & {
    manifest?: Manifest | undefined
  },
): Promise<Scaled> {
  const { name, members } = group
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > MOST_REPLICAS)
    throw new CloisterError('bad-option', `A group has 1 to ${MOST_REPLICAS} replicas.`, {
      hint: 'Close it to end them all.',
    })
  const taken = [...new Set(members.map(({ replica }) => replica))]
  const { add, remove } = placesFor(taken, replicas)
  const closed = await closeMembers(
    cloister,
    members.filter(({ replica }) => remove.includes(replica)),
  )
  if (add.length === 0) return { name, opened: [], closed, replicas }
  const manifest = parameters.manifest ?? (await groupManifest(cloister, group))
  const { replicas: opened } = await openReplicas(cloister, {
    ...parameters,
    manifest,
    name,
    places: add,
    beside: members,
  })
  await untilListed(cloister, name, opened)
  return { name, opened, closed, replicas }
}

/** The lowest places that are free, or the highest that are taken, so that there are `wanted`. */
export function placesFor(taken: readonly number[], wanted: number): { add: number[]; remove: number[] } {
  const add: number[] = []
  for (let place = 0; taken.length + add.length < wanted; place++) if (!taken.includes(place)) add.push(place)
  const remove = [...taken].sort((one, other) => other - one).slice(0, Math.max(0, taken.length - wanted))
  return { add, remove }
}
