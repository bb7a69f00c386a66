import { EventEmitter, on } from 'node:events'
import type { EventReport } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { Hearing } from './hearing.ts'

const LEASE = `0x${'7f'.repeat(32)}` as const
const LONG_MS = 60_000

describe('whoever waits for a lease', () => {
  it('is woken by what happens to it, also by what happened just before', async () => {
    const worker = new EventEmitter()
    const hearing = new Hearing({ events: (_, { signal }) => told(worker, signal) }, LEASE)
    expect(hearing.isTelling).toBe(false)
    const waiting = hearing.wait(LONG_MS)
    worker.emit('event', event(1))
    await waiting
    expect(hearing.isTelling).toBe(true)
    worker.emit('event', event(2))
    await hearing.wait(LONG_MS)
    hearing.stop()
  })

  it('waits no longer than asked for where the worker tells nothing, or breaks off', async () => {
    const hearing = new Hearing({ events: silent }, LEASE)
    await hearing.wait(1)
    await hearing.wait(1)
    expect(hearing.isTelling).toBe(false)
  })
})

async function* told(worker: EventEmitter, signal: AbortSignal): AsyncGenerator<EventReport> {
  try {
    for await (const [report] of on(worker, 'event', { signal })) yield report as EventReport
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

// biome-ignore lint/correctness/useYield: it breaks off before it says anything.
async function* silent(): AsyncGenerator<EventReport> {
  throw new Error('nobody there')
}

function event(id: number): EventReport {
  return { id, lease: LEASE, time: 0, kind: 'running', message: 'All containers are ready.' }
}
