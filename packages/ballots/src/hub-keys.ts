import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { isAddressEqual } from 'viem'
import type { Receipt } from './receipt.ts'

/** Seconds that a receipt's time may be from the voter's own. */
const OFF_SECONDS = 10 * 60

/** The key that a network’s hub signs with at a time (Unix seconds); undefined before the first one. */
export function hubKeyAt({ hubKeys = [] }: Pick<Network, 'hubKeys'>, time: number) {
  const before = hubKeys.filter(({ since }) => since <= time)
  return before.reduce<(typeof before)[number] | undefined>(
    (last, one) => (last && last.since > one.since ? last : one),
    undefined,
  )?.key
}

/**
 * Throws `bad-answer` for a receipt of the network's hub that is of another key than the network's
 * description names for its time. Where it names none, any key is a hub's. `now`: of one that was given just
 * now, so that nobody signs with an old key for a time when that was in force.
 */
export function checkHubKey(
  network: Pick<Network, 'hubKeys' | 'name'>,
  { hub, receivedAt }: Receipt,
  now = receivedAt,
): void {
  if ((network.hubKeys ?? []).length === 0) return
  const key = hubKeyAt(network, receivedAt)
  if (key && isAddressEqual(key, hub) && Math.abs(receivedAt - now) <= OFF_SECONDS) return
  throw new CloisterError(
    'bad-answer',
    key && isAddressEqual(key, hub)
      ? `The hub’s receipt is of ${new Date(receivedAt * 1_000).toISOString()}, which is not now.`
      : `The receipt is signed by ${hub}, and the hub of ${network.name} signs with ${key ?? 'no key yet'}.`,
    { hint: 'Hand the vote to another hub with --hub, or save it with --save; anybody can post it.' },
  )
}
