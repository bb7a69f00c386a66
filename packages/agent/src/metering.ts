import { setTimeout as delay } from 'node:timers/promises'
import { closeLease, getAccrued, getLease, type Wallet } from '@cloister/chain'
import { formatDuration, messageOf, secondsAffordable, shortId } from '@cloister/core'
import type { Hex } from 'viem'
import type { LeaseSupervisor } from './leases/supervisor.ts'
import type { Log } from './log.ts'
import type { Sequence } from './sending.ts'
import type { Settlement } from './settlement.ts'
import type { Store } from './store.ts'

/** Seconds of balance at which the tenant is warned. */
const WARNINGS = [600, 3600]
const LOOK_MS = 3_000

interface MeteringParts {
  wallet: Wallet
  store: Store
  supervisor: LeaseSupervisor
  sequence: Sequence
  log: Log
  settlement: Settlement
  signal: AbortSignal
}

/** Watches what leases can still pay, warns, ends what is out of money, and collects what was earned. */
export async function meter(parts: MeteringParts): Promise<void> {
  while (!parts.signal.aborted) {
    try {
      for (const { id } of parts.supervisor.openLeases()) await look(parts, id)
      if (parts.settlement.isDue) await parts.settlement.settleAll()
    } catch (error) {
      parts.log('warn', 'metering will try again', { error: messageOf(error) })
    }
    await delay(LOOK_MS, undefined, { signal: parts.signal }).catch(() => {})
  }
}

async function look({ wallet, store, supervisor, sequence, log }: MeteringParts, id: Hex): Promise<void> {
  const [lease, accrued] = await Promise.all([getLease(wallet, id), getAccrued(wallet, id)])
  if (lease.state !== 'open') return supervisor.refresh(id)
  const left = Number(secondsAffordable(lease.balance - accrued, lease.ratePerSecond))
  if (left === 0) {
    const runner = supervisor.runner(id)
    supervisor.event(id, 'out-of-money', 'The balance is used up; the lease ends.')
    await runner?.stopAll('the balance is used up')
    await sequence
      .run(() => closeLease(wallet, id))
      .catch((error) => log('warn', 'an exhausted lease could not be closed yet', { lease: shortId(id), error: messageOf(error) }))
    return supervisor.refresh(id)
  }
  const stored = store.lease(id)
  if (stored?.state !== 'open') return
  const threshold = WARNINGS.find((seconds) => left <= seconds)
  if (threshold === undefined) {
    if (stored.warnedSeconds !== undefined) store.patchLease(id, (patched) => delete patched.warnedSeconds)
  } else if (stored.warnedSeconds === undefined || threshold < stored.warnedSeconds) {
    store.patchLease(id, (patched) => {
      patched.warnedSeconds = threshold
    })
    supervisor.event(
      id,
      'low-balance',
      `The balance lasts ${formatDuration(left)} more; then the lease ends. Add to it with \`cloister top-up ${shortId(id)}\`.`,
    )
  }
}
