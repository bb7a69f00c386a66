import type { Cloister } from '../../cloister.ts'
import { type Closed, close as closeOne } from '../close.ts'
import type { Group, Member } from './find.ts'

/**
 * Closes all leases of a group, one after another. Called again, it goes on with those that are left. Throws
 * what `leases.close` throws.
 *
 * @example
 * ```ts
 * import { groups } from '@cloister/sdk'
 *
 * const group = await groups.find(cloister, 'my-app')
 * if (group) await groups.close(cloister, group)
 * ```
 */
export function close(cloister: Cloister, { members }: Group): Promise<Closed[]> {
  return closeMembers(cloister, members)
}

export async function closeMembers(cloister: Cloister, members: readonly Member[]): Promise<Closed[]> {
  const closed: Closed[] = []
  for (const { lease } of members) closed.push(await closeOne(cloister, lease))
  return closed
}
