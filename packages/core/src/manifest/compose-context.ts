import type { Contents } from './compose-contents.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'
import type { Beside, Build, ParseOptions, Wish } from './parse-options.ts'
import type { Service } from './service.ts'

/** A folder beside the file that a service mounts. */
export interface FolderMount {
  service: Service
  /** The place of its mount among the service's; what it mounts is decided once all are known. */
  mount: Service['mounts'][number]
  /** As for `ParseOptions.look`. */
  path: string
  found: Extract<Beside, { kind: 'folder' | 'tree' }>
  exclude: string[]
  /** As the mount states it. */
  sizeMiB: number | undefined
  item: Field
}

/** The file-level parts that services refer to, and what they leave to be put together at the end. */
export interface ComposeContext {
  options: ParseOptions
  /** What isn't granted yet. */
  wishes: Wish[]
  /** Services that build an image that has a name, by that name. */
  builders: Map<string, [service: string, root: Field]>
  /** How services' images are built, once that is read, by their place. */
  builds: Map<string, { build?: Build }>
  /** Contents of configs and secrets by name. */
  configs: Contents
  secrets: Contents
  /** Secrets that are external: they come sealed. */
  sealedSecrets: Set<string>
  networks: Map<string, Field>
  volumes: Manifest['volumes']
  declaredVolumes: Map<string, Field>
  /** Declared volumes that services mount and that stand for folders beside the file. */
  takenVolumes: Set<string>
  /** Volumes that stand for folders of the host, by the folder and what is left out of it. */
  hostFolders: Map<string, string>
  /** Mounts of folders beside the file, which are settled once all of them are known. */
  folderMounts: FolderMount[]
  /** What the manifest itself holds so far of files. */
  inline: { bytes: number; files: number }
  /** Files that come sealed, by the name of the secret. */
  sealedFiles: Map<string, { path: string; content: Uint8Array }>
  /** Names that services give to others. */
  links: { target: string; alias: string; at: Field }[]
  /** Services that start after another one since they take something of it, as Docker Compose has it. */
  implied: { service: Service; target: string }[]
  /** Variables that the service at hand names and that have no value. */
  unset: Set<string>
}
