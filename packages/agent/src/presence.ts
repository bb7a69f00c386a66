import { setTimeout as delay } from 'node:timers/promises'
import { getBilling, presentWorker, type Wallet, WORKERS_ABI } from '@cloister/chain'
import { CloisterError, messageOf } from '@cloister/core'
import type { LocalAccount } from 'viem'
import type { Log } from './log.ts'
import type { Sequence } from './sending.ts'

const LOOK_MS = 10_000
const ATTEMPTS = 10

/** Hands in the worker's presence where less than half a period is left. */
export async function ensureCovered(wallet: Wallet, key: LocalAccount, sequence: Sequence): Promise<void> {
  const { client, network } = wallet
  const [{ until }, period, block] = await Promise.all([
    getBilling(wallet, key.address),
    client.readContract({ address: network.contracts.workers, abi: WORKERS_ABI, functionName: 'coveragePeriod' }),
    client.getBlock(),
  ])
  if (until > block.timestamp + period / 2n) return
  for (let attempt = 1; ; attempt++) {
    try {
      await sequence.run(() => presentWorker(wallet, key))
      return
    } catch (error) {
      // Right after coverage was ended the chain wants a newer block than there is yet.
      const isTooEarly = error instanceof CloisterError && (error.details['error'] === 'PresenceReplayed' || error.details['error'] === 'BlockUnknown')
      if (!isTooEarly || attempt === ATTEMPTS) throw error
      await delay(1_000)
    }
  }
}

/** Keeps the worker covered until `signal`. */
export async function keepCovered(parts: { wallet: Wallet; key: LocalAccount; sequence: Sequence; log: Log; signal: AbortSignal }): Promise<void> {
  while (!parts.signal.aborted) {
    await ensureCovered(parts.wallet, parts.key, parts.sequence).catch((error) =>
      parts.log('warn', 'presence could not be handed in', { error: messageOf(error) }),
    )
    await delay(LOOK_MS, undefined, { signal: parts.signal }).catch(() => {})
  }
}
