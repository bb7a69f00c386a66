/**
 * Evidence that can't be read. Never leaves this package: the verifier turns it into a problem of the
 * verdict. `code` is stable; the message is a sentence naming what was found and what would be right.
 */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
