/** What hardware said. */
export interface Evidence {
  /** A TDX quote. */
  quote: Uint8Array
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
