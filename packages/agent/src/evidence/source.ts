import type { GuestKind, SnpEndorsements } from '@cloister/attest'
import type { GpuReport } from '@cloister/core'

/** What hardware said. */
export interface Evidence {
  kind: GuestKind
  /** A TDX quote, SEV-SNP report or Nitro document. */
  quote: Uint8Array
  /** For SEV-SNP: AMD's certificates and revocation list. */
  endorsements?: SnpEndorsements
  /** dstack's event log, JSON, where the guest keeps one. */
  eventLog?: string
}

/** What is said of a machine's GPUs. */
export interface GpuEvidence {
  /** A detached EAT bundle. */
  tokens: unknown
  /** Raw reports of all of them, where they are to be told by SKU. */
  reports?: GpuReport[]
}

/** Something that makes evidence about this machine. */
export interface EvidenceSource {
  /** For people and logs. */
  readonly name: string
  /** Has 64 bytes of report data signed by the hardware. Throws `no-evidence`. */
  quote(reportData: Uint8Array): Promise<Evidence>
  /**
   * Has evidence made about the machine's GPUs, where it can, for a nonce in hexadecimal digits. Throws
   * `no-evidence`.
   */
  gpuEvidence?(nonce: string): Promise<GpuEvidence>
}
