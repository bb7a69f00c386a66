import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Differential, hasPeers } from './differential.ts'

const MESSAGES = 300

describe.skipIf(!hasPeers)('beside nginx and HAProxy', () => {
  const differential = new Differential()
  beforeAll(() => differential.begin())
  afterAll(() => differential.end())

  it('nobody sees more requests in a message through us than through either of them', async () => {
    const { passed, violations } = await differential.run(0, MESSAGES)
    expect(violations).toEqual([])
    // The messages do reach services, so that the comparison says something.
    for (const count of Object.values(passed)) expect(count).toBeGreaterThan(MESSAGES / 20)
  })
})
