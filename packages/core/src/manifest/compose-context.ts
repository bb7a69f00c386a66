import type { Contents } from './compose-contents.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'
import type { ParseOptions, Wish } from './parse-options.ts'

/** The file-level parts that services refer to, and what they leave to be put together at the end. */
export interface ComposeContext {
  options: ParseOptions
  /** What isn't granted yet. */
  wishes: Wish[]
  /** Contents of configs and secrets by name. */
  configs: Contents
  secrets: Contents
  /** Secrets that are external: they come sealed. */
  sealedSecrets: Set<string>
  networks: Map<string, Field>
  volumes: Manifest['volumes']
  declaredVolumes: Map<string, Field>
  /** Volumes that stand for folders of the host, by the folder. */
  hostFolders: Map<string, string>
  /** Names that services give to others. */
  links: { target: string; alias: string; at: Field }[]
  /** Variables that the service at hand names and that have no value. */
  unset: Set<string>
}
