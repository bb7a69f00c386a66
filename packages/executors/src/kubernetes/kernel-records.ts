/** What a file, folder or link is (statx(2)); those that are none of these have no description. */
export interface Description {
  type: 'file' | 'folder' | 'link'
  mode: number
  uid: number
  gid: number
  size: number
  /** Seconds since 1970. */
  modified: number
  /** How many names it has. */
  links: number
  /** Tells it from others. */
  identity: string
}

/** Kinds of files in a mode (`S_IFMT`), in the words of `Description`. */
const TYPES = new Map<number, Description['type']>([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
])
const MODES = 0o7777

/** Reads a `struct statx` (include/uapi/linux/stat.h, little-endian). */
export function parseDescription(record: Buffer): Description | undefined {
  const mode = record.readUInt16LE(28)
  const type = TYPES.get(mode & 0o170000)
  if (!type) return undefined
  return {
    type,
    mode: mode & MODES,
    links: record.readUInt32LE(16),
    uid: record.readUInt32LE(20),
    gid: record.readUInt32LE(24),
    size: Number(record.readBigUInt64LE(40)),
    modified: Number(record.readBigInt64LE(112)),
    identity: [record.readUInt32LE(136), record.readUInt32LE(140), record.readBigUInt64LE(32)].join(),
  }
}

/** Names in `struct linux_dirent64` records (getdents64(2)), without `.` and `..`, one character a byte. */
export function namesIn(records: Buffer): string[] {
  const names: string[] = []
  for (let at = 0; at + 19 < records.length; ) {
    const length = records.readUInt16LE(at + 16)
    if (length < 20) break
    const name = records.toString('latin1', at + 19, at + length).split('\0', 1)[0] ?? ''
    if (name !== '.' && name !== '..') names.push(name)
    at += length
  }
  return names
}
