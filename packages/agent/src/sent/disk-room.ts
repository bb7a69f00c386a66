import { statfsSync } from 'node:fs'

const GIB = 1024 ** 3
/** Of the disk and of the files that it can have: what is left to leases whatever tenants send. */
const RESERVE = { part: 10, mostBytes: 5 * GIB }
/** What a blob takes at the least: file systems of leases have room for one file in so many bytes, too. */
const BYTES_OF_FILE = 8_192

/** What a file system has, and has left. */
export interface DiskSpace {
  bytes: number
  freeBytes: number
  /** 0 where it makes room for files as they come. */
  files: number
  freeFiles: number
}

/** The file system that a folder lies on. */
export function diskSpace(folder: string): DiskSpace {
  const { blocks, bavail, bsize, files, ffree } = statfsSync(folder)
  return { bytes: blocks * bsize, freeBytes: bavail * bsize, files, freeFiles: ffree }
}

/** Whether so many more bytes leave to leases what is theirs. */
export function isRoomFor(wanted: number, { bytes, freeBytes, files, freeFiles }: DiskSpace): boolean {
  return (
    freeBytes - wanted > Math.min(bytes / RESERVE.part, RESERVE.mostBytes) &&
    (files === 0 || freeFiles > files / RESERVE.part)
  )
}

/** Bytes that a blob counts for. */
export function costOf(bytes: number): number {
  return Math.max(bytes, BYTES_OF_FILE)
}
