import { Remembered } from './remembered.ts'

const LEASE = /^0x[0-9a-f]{64}$/
const ADDRESS = /^0x[0-9a-f]{40}$/
/** Characters of a header of x402's; those of payments have about 1,500. */
const MAX_HEADER = 16_384
/** Endpoints' keys that are remembered. */
const MOST_AUTHORIZERS = 16_384

/** What is read of terms (x402 version 2, `PaymentRequirements`). */
interface Terms {
  extra?: { lease?: unknown; receiverAuthorizer?: unknown }
}

/**
 * Which endpoint a payment is for (x402 version 2): it goes back to the one whose terms it accepts. An
 * endpoint is known by its lease where its terms name it, else by the key that claims for it
 * (`receiverAuthorizer`), which it told when it asked to be paid.
 */
export class Payees {
  private readonly leases = new Remembered<string>(MOST_AUTHORIZERS)

  /** An endpoint asks to be paid: `PAYMENT-REQUIRED`. */
  asked(required: string | undefined, lease: string): void {
    const { accepts } = read<{ accepts?: Terms[] }>(required)
    if (!Array.isArray(accepts)) return
    for (const terms of accepts.slice(0, 8)) {
      const authorizer = matching(ADDRESS, terms?.extra?.receiverAuthorizer)
      if (authorizer !== undefined) this.leases.set(authorizer, lease)
    }
  }

  /** The lease that a payment is for: `PAYMENT-SIGNATURE`. Undefined where that isn't known. */
  leaseOf(payment: string | undefined): string | undefined {
    const { extra } = read<{ accepted?: Terms }>(payment).accepted ?? {}
    const authorizer = matching(ADDRESS, extra?.receiverAuthorizer)
    return leaseIn(extra?.lease) ?? (authorizer === undefined ? undefined : this.leases.get(authorizer))
  }
}

/** A lease's id as it is written; undefined for anything else. */
export function leaseIn(text: unknown): string | undefined {
  return matching(LEASE, text)
}

function matching(pattern: RegExp, text: unknown): string | undefined {
  return typeof text === 'string' && pattern.test(text.toLowerCase()) ? text.toLowerCase() : undefined
}

/** JSON in base64; nothing for what is no such thing. */
function read<T extends object>(header: string | undefined): Partial<T> {
  if (header === undefined || header.length > MAX_HEADER) return {}
  try {
    const found: unknown = JSON.parse(Buffer.from(header, 'base64').toString())
    return typeof found === 'object' && found !== null ? (found as Partial<T>) : {}
  } catch {
    return {}
  }
}
