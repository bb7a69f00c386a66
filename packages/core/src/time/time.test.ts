import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loop } from './loop.ts'
import { GrowingPause, pause } from './pause.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a pause', () => {
  it('is over after its time, or at once when nobody waits any more', async () => {
    const aborter = new AbortController()
    const ended = vi.fn()
    void pause(100).then(() => ended('time'))
    void pause(1_000, aborter.signal).then(() => ended('aborted'))
    await vi.advanceTimersByTimeAsync(100)
    expect(ended.mock.calls).toEqual([['time']])
    aborter.abort()
    await vi.advanceTimersByTimeAsync(0)
    expect(ended.mock.calls).toEqual([['time'], ['aborted']])
    expect(vi.getTimerCount()).toBe(0)
    await pause(1_000, aborter.signal)
  })

  it('grows up to the longest, and begins anew', () => {
    const pauses = new GrowingPause({ firstMs: 10, longestMs: 50 })
    expect(pauses.isFirst).toBe(true)
    expect([pauses.take(), pauses.take(), pauses.take(), pauses.take(), pauses.take()]).toEqual([
      10, 20, 40, 50, 50,
    ])
    expect(pauses.isFirst).toBe(false)
    pauses.reset()
    expect([pauses.isFirst, pauses.take()]).toEqual([true, 10])
    expect(new GrowingPause({ firstMs: 100, longestMs: 50 }).take()).toBe(50)
  })
})

describe('a loop', () => {
  it('waits as long as each step says, and ends with its signal, in the middle of a wait too', async () => {
    const aborter = new AbortController()
    const step = vi.fn(async () => 100)
    const ended = vi.fn()
    void loop(aborter.signal, step).then(ended)
    await vi.advanceTimersByTimeAsync(250)
    expect(step).toHaveBeenCalledTimes(3)
    aborter.abort()
    await vi.advanceTimersByTimeAsync(0)
    expect(ended).toHaveBeenCalled()
    await loop(aborter.signal, step)
    expect(step).toHaveBeenCalledTimes(3)
  })

  it('ends when a step says so, or throws', async () => {
    const { signal } = new AbortController()
    let steps = 0
    await loop(signal, async () => (++steps < 3 ? 0 : undefined))
    expect(steps).toBe(3)
    await expect(loop(signal, () => Promise.reject(new Error('stop')))).rejects.toThrow('stop')
  })
})
