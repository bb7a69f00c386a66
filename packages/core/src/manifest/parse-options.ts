import type { SentBlob } from './sent.ts'

/** What lies beside a Compose file, or below its folder. */
export type Beside =
  | { kind: 'file'; content: Uint8Array; mode: number }
  /** Too large to be read whole. */
  | { kind: 'large-file'; bytes: number; mode: number }
  /** All files of a folder, with their paths in it. */
  | { kind: 'folder'; files: BesideFile[]; leftOut?: readonly string[] }
  /** A folder of more than a manifest can hold: much, many files, links, or folders that are empty. */
  | { kind: 'tree'; leftOut?: readonly string[]; stray?: readonly string[] }

/**
 * One file of a folder. `leftOut` beside it: what isn't taken along though nobody excluded it; `stray`: links
 * that lead out of the folder, which stay as they are.
 */
interface BesideFile {
  path: string
  content: Uint8Array
  mode: number
}

/**
 * What a file takes and no manifest can hold: somebody has to build, pack or read it before its digest is
 * known. `path`s as for `ParseOptions.look`.
 */
export type Wish =
  /** An image that is on this machine: a layout folder, an archive, or an engine's own. */
  | { kind: 'image'; service: string; from: ImagePlace }
  | { kind: 'build'; service: string; build: Build }
  /** All of a folder, as a tar archive; without what matches a pattern of `exclude`. */
  | { kind: 'folder'; path: string; exclude: string[] }
  | { kind: 'file'; path: string }

/** Where an image is on this machine. */
export type ImagePlace =
  | {
      /** A layout may as well be an archive, of either kind. */
      kind: 'layout' | 'oci-archive' | 'docker-archive'
      path: string
      /** Which of several. */
      name?: string
    }
  /** What the machine's container engine has under a name. */
  | { kind: 'engine'; name: string }

/** How an image is built (Compose build specification), variables filled in. Paths as for `look`. */
export interface Build {
  /** A folder, or a URL that the builder fetches. */
  context: string
  /** Relative to the context. */
  dockerfile?: string
  /** In place of a file. */
  dockerfileInline?: string
  args: Record<string, string>
  target?: string
  labels: Record<string, string>
  /** Name to the folder or image that stands for it. */
  additionalContexts: Record<string, string>
  shmMiB?: number
  /** As `docker build --network` takes it. */
  network?: string
  extraHosts: string[]
  /** Build secrets: id to file or variable. */
  secrets: { id: string; file?: string; variable?: string }[]
  /** `ID` or `ID=PATH`, as `docker build --ssh` takes them. */
  ssh: string[]
  /** `NAME=SOFT:HARD` */
  ulimits: string[]
  /** What BuildKit is allowed, such as `network.host`. */
  entitlements: string[]
  noCache: boolean
  /** Ask for newer base images. */
  pull: boolean
}

/**
 * What a wish came to: bytes to be sent, or an image by the digest of its manifest. `entries` of a folder's
 * archive tell how much room it takes once it is unpacked.
 */
export type Granted = (SentBlob & { entries?: number }) | { image: string }

/** What surrounds a Compose or SDL file. The parser itself reads nothing. */
export interface ParseOptions {
  /** The file's name, for messages. */
  file: string
  /** The file's folder in full, for paths that are written so. */
  folder?: string
  /** Compose files that are put over it, in this order, with their names for messages. */
  over?: readonly { file: string; text: string }[]
  /** What `COMPOSE_PROJECT_NAME` stands for in the file where neither `env` nor the file says a name. */
  project?: string
  /** Variables for Compose interpolation. */
  env?: Readonly<Record<string, string>>
  /** Compose profiles that are switched on. */
  profiles?: readonly string[]
  /** The SDL placement group to take; needed where a file has several. */
  group?: string
  /**
   * What lies at a path that the file names, relative to the file's folder or absolute; undefined if nothing
   * does. What matches a pattern of `exclude` (as in `.gitignore`) is not there. Throws a CloisterError for
   * what must not be read.
   */
  look?: (path: string, exclude: readonly string[]) => Beside | undefined
  /**
   * What a wish came to, where that is known. What isn't is listed in `ParsedManifest.wishes`, and the
   * manifest is nothing yet. Without it nothing is sent beside manifests, and what would have to be is
   * refused.
   */
  granted?: (wish: Wish) => Granted | undefined
  /** `false`: nothing is built, and what has an image as well is pulled. */
  builds?: boolean
}
