/** Bytes of a request's body, opened. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Bytes of the head that goes before a sealed body, in JSON; and of all headers of a request in the open. */
export const MAX_HEAD_BYTES = 32 * 1024
/** Milliseconds that an answer may take as a whole. */
export const MAX_ANSWER_MS = 600_000
/** Milliseconds in which an engine has to say something. */
export const MAX_SILENCE_MS = 60_000
/** Leaves of one anchored batch of receipts. */
export const MOST_RECEIPTS_IN_BATCH = 4_096

/** Media type of a sealed request's body. */
export const SEALED_TYPE = 'message/cloister-sealed'
/** Media type of a sealed answer's body. */
export const SEALED_ANSWER_TYPE = 'message/cloister-sealed-answer'
/** Names the lease that a sealed request is for, and in answers the one that it comes from. */
export const LEASE_HEADER = 'cloister-lease'
/** Names the model of a sealed request, for whoever counts by model; nobody has to believe it. */
export const MODEL_HEADER = 'cloister-model'
/** An answer's receipt: `GET /v1/receipts/{id}` has it once the answer has ended. */
export const RECEIPT_HEADER = 'x-receipt-id'
/** A request's own name, which the client may choose: it is never billed twice. */
export const REQUEST_HEADER = 'x-request-id'

/** When a request was sealed, in Unix milliseconds; inside of it. */
export const SENT_HEADER = 'cloister-sent'
/** Milliseconds that this may be off the door's clock: what is older was kept by somebody on the way. */
export const MAX_SENT_AGE_MS = 600_000

/** 32 zero bytes: no offer, no channel. */
export const NONE = `0x${'0'.repeat(64)}` as const

/** What a question of this lease's is sealed for; see `sealQuestion` of packages/secrets. */
export function sealedContext(lease: string): string {
  return `cloister inference ${lease.toLowerCase()}`
}
