import { CloisterError } from '@cloister/core'

/** Nobody pays for a request: 402, with headers that say how one can. */
export class PaymentRequired extends CloisterError {
  readonly headers: Record<string, string>

  constructor(message: string, headers: Record<string, string> = {}) {
    super('no-funds', message, { hint: 'Send an API key that a payer registered, or pay as x402 says.' })
    this.headers = headers
  }
}
