/** What lies beside a Compose file, or below its folder. */
export type Beside =
  | { kind: 'file'; content: Uint8Array; mode: number }
  /** All files of a folder, with their paths in it. */
  | { kind: 'folder'; files: { path: string; content: Uint8Array; mode: number }[] }

/** What surrounds a Compose or SDL file. The parser itself reads nothing. */
export interface ParseOptions {
  /** The file's name, for messages. */
  file: string
  /** Variables for Compose interpolation. */
  env?: Readonly<Record<string, string>>
  /** Compose profiles that are switched on. */
  profiles?: readonly string[]
  /** The SDL placement group to take; needed where a file has several. */
  group?: string
  /**
   * What lies at a path that the file names, relative to the file's folder or absolute; undefined if nothing
   * does. Throws a CloisterError for what must not be read.
   */
  look?: (path: string) => Beside | undefined
}
