import { CloisterError } from '../errors/error.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Bid } from '../signed/bid.ts'
import { formatDuration } from '../units.ts'

/** How long before the end a provider has to say so, as a bid or a lease has it. */
export type NoticeTerms = Pick<Bid, 'noticeMinutes'>

/** Seconds of notice that a bid or a lease gives, where the market's notice period is `marketSeconds`. */
export function noticeSecondsOf({ noticeMinutes }: NoticeTerms, marketSeconds: number): number {
  return noticeMinutes === 0 ? marketSeconds : noticeMinutes * 60
}

/** Whether its provider may end a lease with less notice than the market's. */
export function isInterruptible(terms: NoticeTerms, marketSeconds: number): boolean {
  return noticeSecondsOf(terms, marketSeconds) < marketSeconds
}

/** Whether terms give as much notice as an order asks for: the market's, where it says nothing. */
export function givesNotice(terms: NoticeTerms, asked: number | undefined, marketSeconds: number): boolean {
  return noticeSecondsOf(terms, marketSeconds) >= (asked ?? marketSeconds)
}

/**
 * Throws `notice-too-short` where a manifest demands more time between a provider's notice and the end than
 * an open lease gives.
 */
export function checkNotice({ demands }: Manifest, terms: NoticeTerms, marketSeconds: number): void {
  if (givesNotice(terms, demands?.noticeSeconds, marketSeconds)) return
  const given = formatDuration(noticeSecondsOf(terms, marketSeconds))
  const asked = demands?.noticeSeconds
  throw new CloisterError(
    'notice-too-short',
    asked === undefined
      ? `The lease is interruptible: its provider gives ${given} of notice, and the file accepts no less than the network's ${formatDuration(marketSeconds)}.`
      : `The file asks for ${formatDuration(asked)} of notice (reclamation.min_window), and the lease's provider gives ${given}.`,
    { hint: 'Accept less in the file (reclamation: min_window), or deploy it as a new lease.' },
  )
}
