import type { GuestKind, SnpCollateral } from '@cloister/attest'

/** What hardware said. */
export interface Evidence {
  kind: GuestKind
  /** A TDX quote, SEV-SNP report or Nitro document. */
  quote: Uint8Array
  /** For SEV-SNP: AMD's certificates and revocation list. */
  collateral?: SnpCollateral
  /** dstack's event log, JSON, where the guest keeps one. */
  eventLog?: string
}

/** Something that makes evidence about this machine. */
export interface EvidenceSource {
  /** For people and logs. */
  readonly name: string
  /** Has 64 bytes of report data signed by the hardware. Throws `no-evidence`. */
  quote(reportData: Uint8Array): Promise<Evidence>
  /** Has tokens made about the machine's GPUs, where it can: a detached EAT bundle for a nonce in hexadecimal digits. Throws `no-evidence`. */
  gpuTokens?(nonce: string): Promise<unknown>
}
