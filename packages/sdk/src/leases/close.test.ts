import { getCredit, getTokenBalance, openLease } from '@cloister/chain'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { close } from './close.ts'
import { cloisterOn, manifestOf, recordOf, type Stage, startStage } from './testing.ts'

/** Code that reverts whatever it is called with. */
const STUCK = '0x60006000fd'

let stage: Stage

beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(() => stage?.stop())

const open = async () => {
  const { bid } = await stage.bid(manifestOf())
  return (await openLease(stage.tenant, bid, 10_000n)).id
}
/** A connection whose index knows one lease. */
const knowing = (lease: Hex, wallet = stage.tenant) =>
  cloisterOn(stage, { lease: async () => recordOf(stage, lease) }, wallet)

it('what is left is back in the account, to the unit', async () => {
  const { tenant, usdc } = stage
  const lease = await open()
  const before = await getTokenBalance(tenant, usdc, tenant.account.address)
  const closed = await close(knowing(lease), lease)
  expect(closed).toMatchObject({ refund: 10_000n - closed.spent, credited: 0n })
  expect((await getTokenBalance(tenant, usdc, tenant.account.address)) - before).toBe(closed.refund)
})

it('what a token that does not move keeps back is not called back, but credit', async () => {
  const { tenant, usdc } = stage
  const lease = await open()
  const code = await tenant.client.getCode({ address: usdc })
  const setCode = (to: string) =>
    tenant.client.request({ method: 'anvil_setCode', params: [usdc, to] } as never)
  await setCode(STUCK)
  const closed = await close(knowing(lease), lease).finally(() => setCode(code ?? '0x'))
  expect(closed).toMatchObject({ refund: 0n, credited: 10_000n - closed.spent })
  expect(await getCredit(tenant, tenant.account.address, usdc)).toBe(closed.credited)
  expect(closed.credited).toBeGreaterThan(0n)
})

it('is its tenant’s to close, once', async () => {
  const lease = await open()
  await expect(close(knowing(lease, stage.chain.wallet(5)), lease)).rejects.toMatchObject({
    code: 'forbidden',
    hint: { do: 'name-account' },
  })
  await close(knowing(lease), lease)
  await expect(close(knowing(lease), lease)).rejects.toMatchObject({
    code: 'not-found',
    message: `The lease ${lease.slice(2, 18)} is closed already.`,
  })
})
