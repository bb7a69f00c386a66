import { ContractFunctionRevertedError, encodeErrorResult, zeroAddress } from 'viem'
import { expect, it } from 'vitest'
import { BALLOTS_ABI, GRANTS_ABI, TRACKS_ABI } from '../generated/abis.ts'
import { chainError } from './chain-error.ts'

const reverted = (data: `0x${string}`) =>
  chainError(
    'execute',
    new ContractFunctionRevertedError({ abi: BALLOTS_ABI, data, functionName: 'execute' }),
  )

it('explains the error of a contract that the called one calls', () => {
  const args = [1, zeroAddress, 70n, 20n] as const
  const data = encodeErrorResult({ abi: TRACKS_ABI, errorName: 'OverBudget', args })
  expect(reverted(data)).toMatchObject({
    code: 'reverted',
    message: expect.stringContaining('may move 20 units of 0x0000'),
    details: { error: 'OverBudget' },
  })
})

it('says why a call of a ballot failed, where that is known', () => {
  const inner = encodeErrorResult({
    abi: GRANTS_ABI,
    errorName: 'PoolTooSmall',
    args: [zeroAddress, 5n, 9n],
  })
  const failed = (returned: `0x${string}`) =>
    reverted(encodeErrorResult({ abi: BALLOTS_ABI, errorName: 'CallFailed', args: [2n, returned] })).message
  expect(failed(inner)).toMatch(/^The contract refuses execute: Call 2 .*pool has 5 units .*takes 9\./)
  expect(failed('0x')).toMatch(/Call 2 of the ballot failed, or could not be announced\. \(CallFailed\)$/)
  expect(failed('0x12345678')).toMatch(/\(CallFailed\)$/)
})
