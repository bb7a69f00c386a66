// When certificates are got anew, and how long a worker waits after failures. Milliseconds.

/** After the last of these, its pause is kept. Let's Encrypt takes five failures of a name an hour. */
const PAUSES_MS = [120_000, 600_000, 1_800_000, 7_200_000, 21_600_000]
/** A look at DNS: often while somebody is setting it up, then now and then. */
const CLAIM_PAUSES_MS = [5_000, 5_000, 10_000, 15_000, 30_000, 60_000, 300_000]
/** How long gateways may remember that a domain was nobody's, and a little. */
export const GATEWAYS_FORGET_MS = 6_000
/** A domain that was ours is looked up again so often. */
export const CLAIM_AGAIN_MS = 3_600_000
/** How often the authority is asked when it would have a certificate renewed. */
export const RENEWAL_ASK_MS = 6 * 3_600_000

/** A number within a fifth of `ms`, so that not all tries of all workers come at one time. */
export function jittered(ms: number, random: () => number = Math.random): number {
  return Math.round(ms * (0.8 + 0.4 * random()))
}

/** The pause after so many failures, of the authority or of what it looks at. */
export function pauseAfter(failures: number, random?: () => number): number {
  return jittered(PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1] ?? 0, random)
}

/** The pause after so many looks at DNS that found nothing for us. */
export function claimPauseAfter(looks: number): number {
  return CLAIM_PAUSES_MS[Math.min(looks, CLAIM_PAUSES_MS.length) - 1] ?? 0
}

/** When a certificate is renewed of which the authority says nothing: after two thirds of its life. */
export function renewalAt({ notBefore, notAfter }: { notBefore: number; notAfter: number }): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3
}
