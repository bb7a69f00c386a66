/** What became of one line of a provider's files. */
export interface Fate {
  /** `provider.yaml` or `price script`. */
  file: string
  line: number
  /** The key or variable; never a value that may be a secret. */
  what: string
  /** Where it went, as a field of the configuration; undefined where it couldn't be carried over. */
  became: string | undefined
  /** Why not, or what to know about it. */
  why?: string
}

/** What an Akash provider's files say, in our words. */
export interface AkashProvider {
  endpoint?: string
  attributes: Record<string, string>
  /** GPU models that attributes list, lower case. */
  gpuClasses: string[]
  settleEverySeconds?: number
  targets: Targets
  /** A price script in the file itself. */
  script?: string
  fates: Fate[]
}

/** Price targets as Akash's script has them: decimal US dollars a month for one unit. */
export interface Targets {
  cpu?: string
  memory?: string
  hd_ephemeral?: string
  hd_pers_hdd?: string
  hd_pers_ssd?: string
  hd_pers_nvme?: string
  /** By model; `*` for all others. */
  gpu: Record<string, string>
}

/** A decimal number of at most nine digits before its point, as both files write prices. */
export const DECIMAL = /^\d{1,9}(\.\d{1,9})?$/
