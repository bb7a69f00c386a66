import { getCredit, getTokenBalance, openLease, registerWorker, signBid, type Wallet } from '@cloister/chain'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { close } from './close.ts'

const HASH: Hex = `0x${'ab'.repeat(32)}`
/** Code that reverts whatever it is called with. */
const STUCK = '0x60006000fd'
const worker = privateKeyToAccount(generatePrivateKey())

let chain: DevelopmentChain
let tenant: Wallet
let usdc: Address

beforeAll(async () => {
  chain = await startDevelopmentChain()
  tenant = chain.wallet(4)
  usdc = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? HASH
  await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
  const provider = chain.wallet(1)
  await registerWorker(provider, worker, {
    cpuMilli: 2000,
    memoryMiB: 1024,
    diskMiB: 1024,
    gpus: 0,
    gpuClass: '',
    endpoint: 'http://127.0.0.1:1',
  })
  await coverWorker(provider, await chain.root.manufacture(), worker)
}, 60_000)
afterAll(() => chain?.stop())

const open = async (salt: bigint) => {
  const now = Number((await tenant.client.getBlock()).timestamp)
  const terms = {
    tenant: tenant.account.address,
    worker: worker.address,
    token: usdc,
    ratePerSecond: 10n,
    minimumDeposit: 0n,
  }
  const bid = await signBid(chain.network, worker, {
    ...terms,
    expiry: now + 600,
    room: 0n,
    manifestHash: HASH,
    order: HASH,
    salt,
  })
  return (await openLease(tenant, bid, 10_000n)).id
}
/** A connection whose index knows one lease. */
const knowing = (lease: Hex) => {
  const record = { lease, shortId: lease.slice(2, 18), tenant: tenant.account.address, token: usdc }
  return {
    network: chain.network,
    chain: tenant,
    wallet: tenant,
    index: { lease: async () => record },
  } as unknown as Cloister
}

it('what is left is back in the account, to the unit', async () => {
  const lease = await open(1n)
  const before = await getTokenBalance(tenant, usdc, tenant.account.address)
  const closed = await close(knowing(lease), lease)
  expect(closed).toMatchObject({ refund: 10_000n - closed.spent, credited: 0n })
  expect((await getTokenBalance(tenant, usdc, tenant.account.address)) - before).toBe(closed.refund)
})

it('what a token that does not move keeps back is not called back, but credit', async () => {
  const lease = await open(2n)
  const code = await tenant.client.getCode({ address: usdc })
  const setCode = (to: string) =>
    tenant.client.request({ method: 'anvil_setCode', params: [usdc, to] } as never)
  await setCode(STUCK)
  const closed = await close(knowing(lease), lease).finally(() => setCode(code ?? '0x'))
  expect(closed).toMatchObject({ refund: 0n, credited: 10_000n - closed.spent })
  expect(await getCredit(tenant, tenant.account.address, usdc)).toBe(closed.credited)
  expect(closed.credited).toBeGreaterThan(0n)
})
