const LEASE = /^0x[0-9a-f]{64}$/
/** Characters of a payment; x402's are about 1,500. */
const MAX_PAYMENT = 16_384

/**
 * The lease that a payment is for (x402 version 2, `PAYMENT-SIGNATURE`): it goes back to the endpoint whose
 * terms it accepts, which has put its lease into `extra`. Undefined where it names none.
 */
export function leaseOfPayment(payment: string | undefined): string | undefined {
  if (payment === undefined || payment.length > MAX_PAYMENT) return undefined
  try {
    const { accepted } = JSON.parse(Buffer.from(payment, 'base64').toString()) as {
      accepted?: { extra?: { lease?: unknown } }
    }
    return leaseIn(accepted?.extra?.lease)
  } catch {
    return undefined
  }
}

/** A lease's id as it is written; undefined for anything else. */
export function leaseIn(text: unknown): string | undefined {
  return typeof text === 'string' && LEASE.test(text.toLowerCase()) ? text.toLowerCase() : undefined
}
