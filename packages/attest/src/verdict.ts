/** Whose hardware made the evidence. */
export type EvidenceKind = 'sgx' | 'tdx' | 'sev-snp' | 'nitro' | 'nvidia-gpu'

/** Whose root key the certificates end in. `devnet` is a software platform: nothing is confidential there. */
export type RootName = 'intel' | 'amd' | 'aws' | 'nvidia' | 'devnet'

/** TCB status as Intel names it (PCS API v4, TCB info, `tcbStatus`); other vendors know fewer. */
export type TcbStatus =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'
  | 'OutOfDate'
  | 'OutOfDateConfigurationNeeded'
  | 'Revoked'

/** One thing that was looked at. */
export interface Check {
  /** Stable name. */
  code: string
  ok: boolean
  /** What was compared, in words. */
  title: string
  /** What the evidence holds, and what was wanted. */
  found?: string
  expected?: string
  /** Where the rule comes from. */
  source: string
}

/** A branch of the tree of checks. */
export interface CheckGroup {
  title: string
  checks: Check[]
}

/** Why the evidence is refused. */
export interface Problem {
  code: string
  /** One sentence. */
  message: string
}

/** What checking evidence concludes. */
export interface Verdict {
  /** No problem was found: the evidence is what hardware under `root` said, and it was valid at `instant`. */
  genuine: boolean
  kind: EvidenceKind
  /** Undefined if the certificates end in no root we know. */
  root: RootName | undefined
  /** Made by software under a development root. Never true of anything under a vendor's root. */
  simulated: boolean
  tcb: { status: TcbStatus; advisories: string[] } | undefined
  /** By register, in hexadecimal digits: `mrtd`, `rtmr0`, `mrenclave`, `pcr0`, … */
  measurements: Record<string, string>
  /** 64 bytes in hexadecimal digits; what the guest had signed. */
  reportData: string
  /** The guest can be looked into. Always a problem too. */
  debug: boolean
  /** Identity of the physical platform in hexadecimal digits: Intel's PPID, AMD's chip id, a GPU's UEID. */
  platform: string | undefined
  /** Further facts by name, such as FMSPC, firmware and driver versions, GPU mode. */
  claims: Record<string, string>
  /** Unix seconds at which everything was judged. */
  instant: number
  checks: Check[]
  problems: Problem[]
}
