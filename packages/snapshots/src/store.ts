/** An object of a store. */
export interface StoredObject {
  name: string
  bytes: number
  /** Unix milliseconds. */
  modifiedAt: number
}

/**
 * Where snapshots are kept: names with bytes, which are written whole or not at all and never changed. Names
 * have one folder and a name in it, of letters, digits, `-` and `.`.
 */
export interface SnapshotStore {
  /** As people name it. */
  readonly place: string
  /** Objects in a folder, in any order. */
  list(folder: string): Promise<StoredObject[]>
  /** All of an object, or a part of it; undefined where there is none. */
  read(name: string, part?: { offset: number; bytes: number }): Promise<Buffer | undefined>
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Nothing happens where there is none. */
  remove(name: string): Promise<void>
}
