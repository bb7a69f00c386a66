import type { WorkerClient } from '@cloister/client'
import type { LeaseReport } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { whileStill } from './hold.ts'

const LEASE = `0x${'1e'.repeat(32)}` as const

/** A worker whose lease takes one look to stop. */
function workerWith(held: { until?: number } | undefined) {
  const asked: string[] = []
  let looks = 0
  const client = {
    lease: async () => {
      const isStill = held !== undefined && ++looks > 1
      const heldUntil = held?.until
      return { state: isStill ? 'stopped' : 'running', ...(heldUntil && { heldUntil }) } as LeaseReport
    },
    hold: async (_: string, { held: isHeld, seconds }: { held: boolean; seconds?: number }) => {
      asked.push(isHeld ? `hold ${seconds}` : 'let go')
      held = isHeld ? { until: 1 } : undefined
    },
  }
  return { client: client as unknown as WorkerClient, asked, isStill: () => (looks = 1) }
}

describe('a lease that stands still for a while', () => {
  it('has stopped while the work is done, and runs again', async () => {
    const { client, asked } = workerWith(undefined)
    expect(await whileStill(client, LEASE, async () => asked.join())).toBe('hold 120')
    expect(asked).toEqual(['hold 120', 'let go'])
  })

  it('runs again where the work fails', async () => {
    const { client, asked } = workerWith(undefined)
    await expect(whileStill(client, LEASE, () => Promise.reject(new Error('full')))).rejects.toThrow('full')
    expect(asked.at(-1)).toBe('let go')
  })

  it('stays held where it was held for good', async () => {
    const { client, asked, isStill } = workerWith({})
    isStill()
    await whileStill(client, LEASE, async () => {})
    expect(asked).toEqual([])
  })
})
