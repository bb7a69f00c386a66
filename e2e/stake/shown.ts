import { expect, test } from 'vitest'
import type { Json } from '../embedded.ts'
import type { Ground } from './ground.ts'

/** What people see of stake and emission once something has happened. */
export function shownTests(raised: () => Ground): void {
  test('anybody recomputes all of it from the chain’s events', async () => {
    const { stage } = raised()
    const { checks } = await stage.json('stake', 'audit')
    expect(checks.flatMap((check: Json) => check.wrong)).toEqual([])
    expect(checks.map((check: Json) => check.what).sort()).toEqual([
      'GPU rewards',
      'claims',
      'pools',
      'positions',
      'slashes',
      'stake rewards',
      'supply',
    ])
    expect((await stage.cloister('stake', 'audit')).stdout).toContain('agree')
  })

  test('a person sees pools, yields, rewards and the network’s emission beside its fees', async () => {
    const ground = raised()
    const { stage } = ground
    const pools = await stage.cloister('stake', 'pools')
    expect(pools.stdout).toContain(ground.address(1))
    expect(pools.stdout).toMatch(/period +from +emitted +fee income/)
    expect(pools.stderr).toContain('if stake, GPUs in service and emission stayed as they were')
    const rewards = await stage.cloister('stake', 'rewards', '--account', 'dev4')
    expect(rewards.stdout).toContain(ground.address(2))
    const hours = await stage.cloister(
      'provider',
      'rewards',
      '-c',
      'none.yaml',
      '--account',
      'dev3',
      '--hours',
      '720',
    )
    expect(hours.stdout).toContain('half is the provider’s')
    const nothing = await stage.cloister('stake', 'exit', ground.address(3), '--account', 'dev4')
    expect(nothing).toMatchObject({ code: 1 })
    expect(nothing.stderr).toContain('has no stake in the pool')
    expect((await stage.cloister('stake', 'exit', '0x0000')).stderr).toContain('begins with')
    // Money goes to whole addresses only, and to none that is mistyped.
    expect((await stage.cloister('stake', 'delegate', ground.address(2).slice(0, 10), '1')).stderr).toContain(
      'not a whole address',
    )
    expect(
      (await stage.cloister('stake', 'move', ground.address(2).slice(0, 10), ground.address(3).slice(0, 10)))
        .stderr,
    ).toContain('not a whole address')
    const mistyped = ground.address(2).replace(/[A-F]/, (letter) => letter.toLowerCase())
    expect((await stage.cloister('stake', 'delegate', mistyped, '1')).stderr).toContain('mistyped')
    const { periods, staked } = await stage.json('stake', 'pools')
    expect(periods).toHaveLength(1)
    expect(BigInt(staked)).toBe(ground.economy.active)
  })
}
