import type { Wallet } from '@cloister/chain'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import { expect, it, vi } from 'vitest'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import { Sequence } from '../sequence.ts'
import type { Settlement } from '../settlement.ts'
import type { Store } from '../store.ts'
import { meter } from './metering.ts'

const LEASES: Hex[] = [`0x${'a'.repeat(64)}`, `0x${'b'.repeat(64)}`]

it('ends what is out of money, and settles, while another lease does not stop', async () => {
  const aborter = new AbortController()
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const stopped: Hex[] = []
  const supervisor = {
    openLeases: () => LEASES.map((id) => ({ id })),
    event: () => {},
    refresh: async () => {},
    runner: (id: Hex) => ({
      stopAll: async () => {
        stopped.push(id)
        if (id === LEASES[0]) await held
      },
    }),
  } as unknown as LeaseSupervisor
  const readContract = async ({ functionName }: { functionName: string }) =>
    functionName === 'accrued' ? 5n : { state: 1, balance: 5n, ratePerSecond: 1n, noticeUntil: 0 }
  const wallet = {
    client: { readContract },
    network: { contracts: { market: LEASES[0] } },
  } as unknown as Wallet
  const settleAll = vi.fn(async () => {})
  const settlement = { isDue: true, settleAll } as unknown as Settlement
  const metering = meter({
    wallet,
    store: {} as Store,
    executor: {} as Executor,
    supervisor,
    sequence: new Sequence(),
    settlement,
    log: () => {},
    signal: aborter.signal,
  })
  await vi.waitFor(() => expect(settleAll).toHaveBeenCalled(), 10_000)
  expect(stopped).toEqual(LEASES)
  // The one that does not stop is looked at once, the other again and again.
  await vi.waitFor(() => expect(stopped).toEqual([...LEASES, LEASES[1]]), 10_000)
  aborter.abort()
  release()
  await metering
}, 20_000)
