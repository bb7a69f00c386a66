import { CloisterError, type GatewayRoute, GrowingPause } from '@cloister/core'
import type { Hex } from 'viem'
import type { Cloister } from '../../cloister.ts'
import { manifestOf } from '../manifest.ts'
import { untilReached } from '../reach.ts'
import { find, type Group, isMember, type Member, ownNamed } from './find.ts'
import { type OpenedReplica, openReplicas, type ReplicasParameters } from './open.ts'

const INDEX_MS = 30_000

/** A group as it was opened, or grew. */
export interface DeployedGroup {
  name: string
  replicas: OpenedReplica[]
  /** The address that leads to all of them; none where another's lease has the name, or they have no port. */
  routes: GatewayRoute[]
  transaction: Hex
}

/**
 * From a manifest to a group of leases on as many workers under one address, for one transaction. Throws
 * `exists` where the account has open leases of that name, and what `openReplicas` throws.
 *
 * @example
 * ```ts
 * import { groups } from '@cloister/sdk'
 *
 * const { replicas, routes } = await groups.deploy(cloister, {
 *   name: 'my-app',
 *   replicas: 3,
 *   manifest,
 *   pay: 'USDC',
 *   deposit: ({ bid }) => bid.ratePerSecond * 7200n,
 * })
 * console.log(replicas.length, routes[0]?.url)
 * ```
 */
export async function deploy(
  cloister: Cloister,
  parameters: Omit<ReplicasParameters, 'places' | 'beside'> & { replicas: number },
): Promise<DeployedGroup> {
  const { name, replicas } = parameters
  const there = await ownNamed(cloister, name)
  if (there.length > 0)
    throw new CloisterError(
      'exists',
      there.some(isMember)
        ? `You have a group ${name} of ${there.length} replicas already.`
        : `You have a lease called ${name} already.`,
      { hint: 'Update or scale it, close it, or choose another name.' },
    )
  const places = Array.from({ length: replicas }, (_, place) => place)
  const { replicas: opened, transaction } = await openReplicas(cloister, { ...parameters, places })
  const group = await untilListed(cloister, name, opened)
  return { name, replicas: opened, transaction, routes: await addressOf(cloister, group, parameters) }
}

/** The manifest that most members of a group have on the chain, from one of their workers that runs it. */
export async function groupManifest(cloister: Cloister, { members }: Group) {
  const times = (hash: Hex) => members.filter(({ manifestHash }) => manifestHash === hash).length
  const inOrder = [...members].sort((one, other) => times(other.manifestHash) - times(one.manifestHash))
  let why: unknown
  for (const { lease } of inOrder) {
    try {
      return await manifestOf(cloister, lease)
    } catch (error) {
      why = error
    }
  }
  throw why
}

/** Waits until the index has all of them. */
export async function untilListed(
  cloister: Cloister,
  name: string,
  opened: readonly Pick<OpenedReplica, 'lease'>[],
): Promise<Group> {
  const until = Date.now() + INDEX_MS
  const pauses = new GrowingPause({ firstMs: 25, longestMs: 500, factor: 1.3 })
  for (;;) {
    const group = await find(cloister, name)
    if (group && opened.every(({ lease }) => group.members.some((member) => member.lease === lease)))
      return group
    if (Date.now() > until)
      throw new CloisterError('bad-index', `The index doesn't list all replicas of ${name}.`)
    await pauses.wait()
  }
}

/** The address of a group, once it answers; none where somebody else's lease has its name. */
async function addressOf(
  cloister: Cloister,
  { name, members }: Group,
  { manifest }: Pick<ReplicasParameters, 'manifest'>,
): Promise<GatewayRoute[]> {
  const holds = ({ name: held }: Member) => held === name
  return members.some(holds) ? untilReached(cloister, name, manifest) : []
}
