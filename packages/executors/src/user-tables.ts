import { CloisterError } from '@cloister/core/errors'

/** Longest table of users or groups that is looked at. */
export const MAX_TABLE_BYTES = 1024 * 1024

/** Who a container's processes run as, in its own numbers. */
export interface ContainerUser {
  uid: number
  gid: number
  additionalGids: number[]
}

/** Content of an image's /etc/passwd and /etc/group; empty where there is none. */
export interface UserTables {
  passwd: string
  group: string
}

/**
 * Numeric user and groups of an image's `USER` (OCI image specification, "config.User"); `groups` are names
 * or numbers of further ones, and numbers are below `idCount`. Throws `bad-image`.
 */
export function findUser(
  tables: UserTables,
  user: string,
  groups: readonly string[],
  idCount: number,
): ContainerUser {
  const numberOf = (text: string | undefined) =>
    text !== undefined && /^[0-9]{1,10}$/.test(text) && !text.includes('\n') && Number(text) < idCount
      ? Number(text)
      : undefined
  const [name = '', group] = user.split(':')
  const passwd = rowsOf(tables.passwd)
  const table = rowsOf(tables.group)
  const wanted = name === '' ? '0' : name
  const entry = passwd.find((row) => row[0] === wanted) ?? passwd.find((row) => row[2] === wanted)
  const groupId = (text: string) => numberOf(table.find((row) => row[0] === text)?.[2]) ?? numberOf(text)
  const uid = numberOf(entry?.[2]) ?? numberOf(wanted)
  const gid = group === undefined || group === '' ? (numberOf(entry?.[3]) ?? 0) : groupId(group)
  if (uid === undefined || gid === undefined)
    throw new CloisterError('bad-image', `The image has no user ${user}.`)
  // A named group replaces those that list the user, as under Docker.
  const listed =
    group !== undefined && group !== ''
      ? []
      : table.filter((row) => (row[3] ?? '').split(',').includes(entry?.[0] ?? '\0'))
  const additional = [...listed.map((row) => numberOf(row[2])), ...groups.map(groupId)]
  const missing = groups.find((_, index) => additional.at(index - groups.length) === undefined)
  if (missing !== undefined) throw new CloisterError('bad-image', `The image has no group ${missing}.`)
  return {
    uid,
    gid,
    additionalGids: [...new Set(additional.filter((id) => id !== undefined))].filter((id) => id !== gid),
  }
}

function rowsOf(table: string): string[][] {
  return table.split('\n').map((line) => line.split(':'))
}
