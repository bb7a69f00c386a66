import { everyPage } from '@cloister/client'
import { CloisterError, isLeaseName, type LeaseRecord, writeLeaseName } from '@cloister/core'
import type { Cloister } from '../../cloister.ts'
import { sessionOf } from '../../session.ts'

/** A lease that is one of the replicas of a group. */
export type Member = LeaseRecord & { wishedName: string; replica: number }

/** Leases of one tenant that are reached by one name together. */
export interface Group {
  name: string
  /** Open ones, in the order of their places; two of one place while one takes over from the other. */
  members: Member[]
}

/**
 * The account's group of a name; undefined where it has none. What the opening transactions of its leases say
 * makes them a group.
 *
 * @example
 * ```ts
 * import { groups } from '@cloister/sdk'
 *
 * const group = await groups.find(cloister, 'my-app')
 * console.log(group?.members.map(({ replica, worker }) => `${replica} on ${worker}`))
 * ```
 */
export async function find(cloister: Cloister, name: string): Promise<Group | undefined> {
  const members = (await ownNamed(cloister, name)).filter(isMember)
  members.sort((one, other) => one.replica - other.replica || one.openedAt - other.openedAt)
  return members.length > 0 ? { name, members } : undefined
}

/**
 * The first member of a group that runs, by the word of its worker. Throws `not-running` where none does.
 *
 * @example
 * ```ts
 * import { groups } from '@cloister/sdk'
 *
 * const group = await groups.find(cloister, 'my-app')
 * const member = group && (await groups.firstRunning(cloister, group))
 * ```
 */
export async function firstRunning(cloister: Cloister, { name, members }: Group): Promise<Member> {
  for (const member of members) {
    const { worker } = sessionOf(cloister, member)
    const report = await worker.lease(member.lease).catch(() => undefined)
    if (report?.state === 'running') return member
  }
  throw new CloisterError('not-running', `No replica of ${name} runs just now.`, {
    hint: { do: 'list-leases' },
  })
}

/** Open leases of the account's that were opened with a name, alone or as replicas. */
export async function ownNamed(cloister: Cloister, text: string): Promise<LeaseRecord[]> {
  const tenant = cloister.wallet?.account.address
  const wishedName = text.trim().toLowerCase()
  if (!tenant || !isLeaseName(wishedName)) return []
  const found = await everyPage((from) =>
    cloister.index.leases({ tenant, wishedName, open: true, limit: 200, ...from }),
  )
  // An index may list what it likes.
  return found.filter((lease) => lease.tenant === tenant && lease.wishedName === wishedName)
}

export function isMember(lease: LeaseRecord): lease is Member {
  return lease.replica !== undefined && lease.wishedName !== undefined
}

/** Why a group isn't taken where one lease is meant. */
export function severalMeant(name: string, members: readonly Member[]): CloisterError {
  const places = members.map(({ replica }) => replica).sort((one, other) => one - other)
  const names = places.map((replica) => writeLeaseName({ name, replica }))
  return new CloisterError('which-lease', `${name} is a group of ${members.length} leases.`, {
    hint: `Name one of them: ${[...new Set(names)].join(', ')}.`,
  })
}
