import { describe, expect, it } from 'vitest'
import { ImagePulls } from './image-pulls.ts'

/** Holds a pull until it is aborted. */
const holding = (signal: AbortSignal) =>
  new Promise<void>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )

describe('pulls of one image', () => {
  const pulls = () => {
    const all = new ImagePulls()
    const state = { isThere: false, brought: [] as string[] }
    /** Somebody's wish for the image from a place. */
    const want = (place: string, work: (signal: AbortSignal) => Promise<void>, signal?: AbortSignal) =>
      all.wait({
        digest: 'sha256:1',
        place,
        progress: undefined,
        signal,
        isThere: () => state.isThere,
        bring: (_, until) => {
          state.brought.push(place)
          return work(until)
        },
      })
    return { want, state }
  }

  it('from another place are not held up by one that is slow, and end it', async () => {
    const { want, state } = pulls()
    const slow = want('hostile', holding)
    await want('honest', async () => {
      state.isThere = true
    })
    await slow
    expect(state.brought).toEqual(['hostile', 'honest'])
  })

  it('from one place are one; where it fails, each who waits tries it with what is their own', async () => {
    const { want, state } = pulls()
    const first = want('here', async () => {
      await Promise.resolve()
      throw new Error('my login has ended')
    })
    const second = want('here', async () => {
      state.isThere = true
    })
    await expect(first).rejects.toThrow('my login')
    await second
    expect(state.brought).toEqual(['here', 'here'])
  })

  it('go on for others when one leaves, who need not wait, and end with the last', async () => {
    const { want, state } = pulls()
    const [one, other] = [new AbortController(), new AbortController()]
    let isEnded = false
    const first = want('here', (signal) => holding(signal).finally(() => (isEnded = true)), one.signal)
    const second = want('here', holding, other.signal)
    one.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect(isEnded).toBe(false)
    other.abort()
    await expect(second).rejects.toMatchObject({ name: 'AbortError' })
    expect(isEnded).toBe(true)
    expect(state.brought).toEqual(['here'])
  })
})
