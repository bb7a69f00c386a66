import type { ContainerSpec } from '../executor.ts'

/** User and group by number; undefined where they are names of the image's, or nobody says. */
export function userOf({ user }: Pick<ContainerSpec, 'user'>): { uid: number; gid?: number } | undefined {
  if (user === 'root') return { uid: 0 }
  const [, uid, gid] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user) ?? []
  return uid === undefined ? undefined : { uid: Number(uid), ...(gid !== undefined && { gid: Number(gid) }) }
}

/** Volumes that a container may write to, in the order of its mounts. */
export function writableVolumes({ mounts }: Pick<ContainerSpec, 'mounts'>): string[] {
  return [...new Set(mounts.filter(({ readOnly }) => !readOnly).map(({ volume }) => volume))]
}

/** Those that its pod's first process has: what it may write to, and what begins with what was sent. */
export function preparedVolumes({ mounts }: Pick<ContainerSpec, 'mounts'>): string[] {
  return [
    ...new Set(
      mounts.filter(({ readOnly, from }) => !readOnly || from !== undefined).map(({ volume }) => volume),
    ),
  ]
}

/** Where that process has one of them. */
export function preparedPath(index: number): string {
  return `/.cloister/v${index}`
}
