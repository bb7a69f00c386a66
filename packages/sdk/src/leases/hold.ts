import { throughAbsence, type WorkerClient } from '@cloister/client'
import { CloisterError, GrowingPause } from '@cloister/core'
import type { Hex } from 'viem'

/** Seconds after which a lease runs again by itself where nobody goes on. */
const HOLD_SECONDS = 120
const RENEW_MS = 30_000
const STOP_MS = 120_000

/**
 * Has the containers of a lease stand still, and resolves once they do. They run again by themselves two
 * minutes after what is returned was called, or after this process has died. Throws `start-failed` where they
 * don't stop in two minutes, and `unreachable`.
 */
export async function holdStill(client: WorkerClient, lease: Hex): Promise<() => void> {
  const hold = () => client.hold(lease, { held: true, seconds: HOLD_SECONDS })
  await hold()
  const renewing = setInterval(() => void hold().catch(() => {}), RENEW_MS)
  const end = () => clearInterval(renewing)
  try {
    await untilTrue(
      async () => (await throughAbsence(() => client.lease(lease))).state === 'stopped',
      Date.now() + STOP_MS,
      'The worker does not stop it in time.',
    )
    return end
  } catch (error) {
    end()
    throw error
  }
}

/**
 * Does something while the containers of a lease stand still, and has them run again. One that is held for
 * good already stays so. Throws what `work` throws, and as `holdStill`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * const { asTenant } = await leases.openSession(cloister, lease)
 * await leases.whileStill(asTenant, lease, async () => console.log('nothing writes now'))
 * ```
 */
export async function whileStill<T>(client: WorkerClient, lease: Hex, work: () => Promise<T>): Promise<T> {
  const { state, heldUntil } = await throughAbsence(() => client.lease(lease))
  if (state === 'stopped' && heldUntil === undefined) return work()
  let end = () => {}
  try {
    end = await holdStill(client, lease)
    return await work()
  } finally {
    end()
    // Where nobody answers, it runs again by itself.
    await throughAbsence(() => client.hold(lease, { held: false })).catch(() => {})
  }
}

/** Waits until `check` holds. Throws `start-failed` with what `late` says. */
export async function untilTrue(check: () => Promise<boolean>, until: number, late: string): Promise<void> {
  const pauses = new GrowingPause({ firstMs: 50, longestMs: 1_000 })
  while (!(await check())) {
    if (Date.now() > until) throw new CloisterError('start-failed', late)
    await pauses.wait()
  }
}
