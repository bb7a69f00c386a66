import type { CheckedBid } from '@cloister/sdk'

/**
 * What `deploy` asks before it takes a bid that nobody saw: nothing where a script said --yes or wants JSON,
 * so that such a bid is taken only where it costs what was said; else `ask`, but not about the one bid that
 * was agreed to.
 */
export function agreement(
  { yes, json }: { yes?: boolean; json?: boolean },
  agreed: CheckedBid,
  ask: (chosen: CheckedBid, deposit: bigint) => Promise<boolean>,
): ((chosen: CheckedBid, deposit: bigint) => Promise<boolean>) | undefined {
  if (yes === true || json === true) return undefined
  return async (chosen, deposit) => chosen === agreed || ask(chosen, deposit)
}
