import { closeLease, getAccrued, getLease, type Wallet } from '@cloister/chain'
import { formatDuration, loop, messageOf, secondsAffordable, shortId } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import { runOnNotice } from '../leases/on-notice.ts'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import type { Log } from '../log.ts'
import { LeaseLooks, within } from '../patience.ts'
import type { Sequence } from '../sequence.ts'
import type { Settlement } from '../settlement.ts'
import type { Store, StoredLease } from '../store.ts'
import type { MakePart } from './part.ts'

/** Seconds of balance at which the tenant is warned. */
const WARNINGS = [600, 3600]
const LOOK_MS = 3_000
/** Milliseconds that the others wait for the look at one lease. */
const PATIENCE_MS = 2_000
/** Milliseconds for a lease's containers to end before the lease is closed all the same. */
const STOP_MS = 15_000
/** Milliseconds for looks to end when the worker stops. */
const LEAVING_MS = 10_000

interface MeteringParts {
  wallet: Wallet
  store: Store
  supervisor: LeaseSupervisor
  executor: Executor
  sequence: Sequence
  log: Log
  settlement: Settlement
  signal: AbortSignal
}

/** Ends leases that are out of money, and collects what was earned. */
export const meteringPart: MakePart = ({ machine, supervisor, settlement }) => ({
  name: 'metering',
  start: (signal) => {
    const { wallet, store, executor, sequence, log } = machine
    return meter({ wallet, store, supervisor, executor, sequence, log, settlement, signal })
  },
})

/**
 * Watches what leases can still pay, warns, ends what is out of money or whose notice has run out, and
 * collects what was earned.
 */
export async function meter(parts: MeteringParts): Promise<void> {
  const { supervisor, settlement, signal, log } = parts
  let told = false
  const again = (error: unknown) => {
    if (!told) log('warn', 'metering will try again', { error: messageOf(error) })
    told = true
  }
  const telling = new Set<Hex>()
  const looks = new LeaseLooks((id) => look(parts, id, telling).catch(again), PATIENCE_MS)
  await loop(signal, async () => {
    told = false
    await looks.all(
      supervisor.openLeases().map(({ id }) => id),
      signal,
    )
    if (settlement.isDue && !signal.aborted) await settlement.settleAll().catch(again)
    return LOOK_MS
  })
  await looks.idle(LEAVING_MS)
}

/** `telling`: leases whose containers are being told of notice. */
async function look(parts: MeteringParts, id: Hex, telling: Set<Hex>): Promise<void> {
  const { wallet, store, supervisor, sequence, log } = parts
  const [lease, accrued] = await Promise.all([getLease(wallet, id), getAccrued(wallet, id)])
  if (lease.state !== 'open') return supervisor.refresh(id)
  const end = async (kind: string, reason: string) => {
    supervisor.event(id, kind, `${reason[0]?.toUpperCase()}${reason.slice(1)}; the lease ends.`)
    const runner = supervisor.runner(id)
    if (runner) await within(runner.stopAll(reason), STOP_MS)
    await sequence
      .run(() => closeLease(wallet, id))
      .catch((error) =>
        log('warn', 'a lease that ends could not be closed yet', {
          lease: shortId(id),
          error: messageOf(error),
        }),
      )
    return supervisor.refresh(id)
  }
  const left = Number(secondsAffordable(lease.balance - accrued, lease.ratePerSecond))
  if (left === 0) return end('out-of-money', 'the balance is used up')
  const stored = store.lease(id)
  if (stored?.state !== 'open') return
  if (lease.noticeUntil > 0) {
    if ((await wallet.client.getBlock()).timestamp >= lease.noticeUntil)
      return end('notice-over', 'the notice has run out')
    if (stored.noticeUntil !== lease.noticeUntil) {
      store.patchLease(id, (patched) => {
        patched.noticeUntil = lease.noticeUntil
      })
      supervisor.event(
        id,
        'notice',
        `The provider gave notice: the lease ends at ${new Date(lease.noticeUntil * 1000).toISOString()}. What is left then is yours.`,
      )
    }
    tellContainers(parts, stored, lease.noticeUntil, telling)
  }
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
      `The balance lasts ${formatDuration(left)} more; then the lease ends, unless somebody adds to it.`,
    )
  }
}

/**
 * Has a lease's containers do what they do on notice. Written down once it is done, so that whoever goes on
 * after a crash does it again rather than not at all.
 */
function tellContainers(
  { store, supervisor, executor }: MeteringParts,
  { id, running, onNoticeRun }: StoredLease,
  noticeUntil: number,
  telling: Set<Hex>,
): void {
  if (!running || onNoticeRun === noticeUntil || telling.has(id)) return
  telling.add(id)
  void runOnNotice(executor, id, running.manifest, noticeUntil, (message) =>
    supervisor.event(id, 'on-notice', message),
  )
    .then(() => {
      if (store.lease(id)?.state !== 'open') return
      store.patchLease(id, (lease) => {
        lease.onNoticeRun = noticeUntil
      })
    })
    .catch(() => {})
    .finally(() => telling.delete(id))
}
