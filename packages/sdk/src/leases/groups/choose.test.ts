import { describe, expect, it } from 'vitest'
import type { CheckedBid } from '../bids.ts'
import { spreadOver, tooFew } from './choose.ts'
import { placesFor } from './scale.ts'

/** Bids, cheapest first, of workers whose names begin with their provider's; with a price: `a1 at 20`. */
const bidsOf = (...texts: string[]) =>
  texts.map((text) => {
    const [worker = '', price = '10'] = text.split(' at ')
    return { bid: { ratePerSecond: BigInt(price) }, worker: { worker, provider: worker[0] } }
  }) as unknown as CheckedBid[]
const names = (chosen: CheckedBid[]) => chosen.map(({ worker }) => worker.worker)

it('says what the others decline for where there are too few workers', () => {
  const declined = ['a3', 'a4'].map((worker) => ({ worker, provider: 'a', reason: 'It has no room.' }))
  const error = tooFew({ wanted: 3, found: 2, beside: 0, declined: declined as never, why: undefined })
  expect(error.message).toBe('3 replicas need 3 workers, and 2 can be had. It has no room.')
  expect(error.details).toEqual({ declined })
})

describe('workers for replicas', () => {
  it('are of different providers where there are enough, the cheapest of each', () => {
    expect(names(spreadOver(bidsOf('a1', 'a2', 'b1', 'a3', 'c1'), 3))).toEqual(['a1', 'b1', 'c1'])
  })

  it('are of one provider again once each has one', () => {
    expect(names(spreadOver(bidsOf('a1', 'a2', 'b1', 'a3'), 3))).toEqual(['a1', 'b1', 'a2'])
  })

  it('are none that has a replica already, and of others than those providers', () => {
    const beside = [{ worker: 'a1', provider: 'a' }]
    expect(names(spreadOver(bidsOf('a1', 'a2', 'b1'), 2, beside))).toEqual(['b1', 'a2'])
  })

  it('are not of another provider at any price', () => {
    const bids = bidsOf('a1 at 10', 'a2 at 10', 'b1 at 20', 'a3 at 21', 'c1 at 1000000')
    expect(names(spreadOver(bids, 3))).toEqual(['a1', 'b1', 'a2'])
    expect(names(spreadOver(bids, 2, [{ worker: 'b2', provider: 'b' }]))).toEqual(['a1', 'a2'])
    // Where nobody else is left, whoever asked for so many is told the price.
    expect(names(spreadOver(bids, 5))).toEqual(['a1', 'b1', 'a2', 'a3', 'c1'])
  })

  it('are fewer where there are no more', () => {
    expect(names(spreadOver(bidsOf('a1', 'a1'), 2))).toEqual(['a1'])
  })
})

describe('places of a group', () => {
  it('are filled from below, and given up from above', () => {
    expect(placesFor([0, 2], 4)).toEqual({ add: [1, 3], remove: [] })
    expect(placesFor([0, 2, 5], 1)).toEqual({ add: [], remove: [5, 2] })
    expect(placesFor([0, 1], 2)).toEqual({ add: [], remove: [] })
  })
})
