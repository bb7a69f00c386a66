import { expect, it } from 'vitest'
import { explainTimes, percent, uptimeOf, yearly } from './show.ts'

it('says a year’s yield as a percentage, or how many times over', () => {
  expect([0, 0.0004, 0.123, 1, 9.5].map(yearly)).toEqual(['0%', '0%', '12.3%', '100%', '950%'])
  expect(yearly(10_139.4)).toBe('10,139 times')
})

it('explains times where there are any', () => {
  expect(explainTimes([undefined, 0.2])).toBeUndefined()
  expect(explainTimes([])).toBeUndefined()
  expect(explainTimes([0.2, 10_139, undefined])).toMatch(/^10,139 times: .* little is staked/)
})

it('says percentages to a tenth, where that says something', () => {
  expect([0.5, 0.9995, 1].map(percent)).toEqual(['50.0%', '100%', '100%'])
})

it('gives a worker no uptime in its first hour', () => {
  const now = Math.round(Date.now() / 1000)
  expect(uptimeOf({ uptime: 0.2, registeredAt: now - 60 })).toBe('new')
  expect(uptimeOf({ uptime: 0.5, registeredAt: now - 7200 })).toBe('50.0%')
})
