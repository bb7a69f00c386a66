import type { ContainerSpec } from '../executor.ts'

/** User and group by number; undefined where they are names of the image's, or nobody says. */
export function userOf({ user }: Pick<ContainerSpec, 'user'>): { uid: number; gid?: number } | undefined {
  if (user === 'root') return { uid: 0 }
  const [, uid, gid] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user) ?? []
  return uid === undefined ? undefined : { uid: Number(uid), ...(gid !== undefined && { gid: Number(gid) }) }
}

/** A container's volumes, in the order of its mounts: its pod's first process has them all. */
export function volumesOf({ mounts }: Pick<ContainerSpec, 'mounts'>): string[] {
  return [...new Set(mounts.map(({ volume }) => volume))]
}

/** Where that process has one of them. */
export function preparedPath(index: number): string {
  return `/.cloister/v${index}`
}
