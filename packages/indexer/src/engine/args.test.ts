import { WORKERS_ABI } from '@cloister/chain'
import { expect, test } from 'vitest'
import { plain, revive } from './args.ts'

const REGISTERED = WORKERS_ABI.filter((item) => item.type === 'event').find(
  ({ name }) => name === 'WorkerRegistered',
)
const ARGS = {
  worker: `0x${'11'.repeat(20)}`,
  provider: `0x${'22'.repeat(20)}`,
  description: {
    cpuMilli: 1000,
    memoryMiB: 2 ** 32 - 1,
    diskMiB: 0,
    gpus: 1,
    gpuClass: `0x${'00'.repeat(32)}`,
    endpoint: 'https://x',
  },
}

test('what was made plain is revived as viem decoded it', () => {
  if (!REGISTERED) throw new Error('the contract has no such event')
  const stored = JSON.parse(JSON.stringify(plain(ARGS)))
  expect(stored.description.cpuMilli).toBe('1000')
  expect(revive(REGISTERED, stored)).toEqual(ARGS)
})

test('an argument that is missing is named', () => {
  if (!REGISTERED) throw new Error('the contract has no such event')
  expect(() => revive(REGISTERED, { worker: ARGS.worker })).toThrow('has no argument provider')
})
