import { expect, it } from 'vitest'
import { checkCollateral } from './join.ts'

const CLOI = 10n ** 18n

it('a script stakes as much as the GPUs are known to need, and no more because a node says so', () => {
  for (const [toStake, gpuClass, gpus] of [
    [0n, '', 0],
    [2_500n * CLOI, 'h100', 2],
    [1_875n * CLOI, 'h200', 1],
  ] as const)
    expect(() => checkCollateral(toStake, { gpus, gpuClass })).not.toThrow()
  for (const [toStake, gpuClass, gpus] of [
    [1n, '', 0],
    [2_500n * CLOI + 1n, 'h100', 2],
    [1n, 'toString', 1],
  ] as const)
    expect(() => checkCollateral(toStake, { gpus, gpuClass })).toThrow(
      expect.objectContaining({ code: 'stake-unexpected', hint: expect.stringContaining('Say --stake') }),
    )
})
