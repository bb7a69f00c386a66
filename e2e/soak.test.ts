import { expect, test } from 'vitest'
import { canDeploy } from './embedded.ts'
import { soak } from './soak/soak.ts'

// `npm run soak` does it 200 times.
test.skipIf(!canDeploy)(
  'kill -9 at random moments leaves nothing orphaned, doubled, lost or billed wrongly',
  async () => {
    const { rounds, leases, ...amiss } = await soak({ kills: 5, seed: 7, onRound: () => {} })
    expect(amiss).toEqual({ orphans: [], doubled: 0, lost: 0, billedWrongly: 0, escrowOff: 0n })
    expect(leases).toBeGreaterThan(rounds / 4)
  },
  240_000,
)
