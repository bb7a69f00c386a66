import { delegate, requestExit } from '@cloister/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloisterOn, type Stage, startStage } from '../leases/testing.ts'
import { auditStake } from './audit.ts'

const CLOI = 10n ** 18n

let stage: Stage

beforeAll(async () => {
  stage = await startStage()
  const { address } = stage.provider.account
  await fundDevelopmentAccount(stage.chain.wallet(0), address)
  // A provider has a part of its pool itself.
  await delegate(stage.provider, address, 500n * CLOI)
  const { shares } = await delegate(stage.tenant, address, 100n * CLOI)
  await requestExit(stage.tenant, address, shares / 4n)
}, 60_000)
afterAll(() => stage?.stop())

it('comes to what the contracts say, from events alone', async () => {
  const parts: number[] = []
  const { block, checks } = await auditStake(cloisterOn(stage), (part) => void parts.push(part))
  expect(block).toBe(await stage.tenant.client.getBlockNumber())
  expect(checks.map(({ what }) => what)).toEqual(expect.arrayContaining(['pools', 'positions', 'supply']))
  expect(checks.flatMap(({ wrong }) => wrong)).toEqual([])
  expect(checks.find(({ what }) => what === 'pools')?.figures).toBe(3)
  expect(parts.at(-1)).toBe(1)
})

it('names the figure where the contracts say something else', async () => {
  const { client } = stage.tenant
  const readContract = async (call: Parameters<typeof client.readContract>[0]) => {
    const found = await client.readContract(call)
    return call.functionName === 'poolOf' ? { ...(found as object), assets: 7n } : found
  }
  const cloister = cloisterOn(stage)
  const chain = { ...cloister.chain, client: { ...client, readContract } } as typeof cloister.chain
  const { checks } = await auditStake({ ...cloister, chain })
  expect(checks.find(({ what }) => what === 'pools')?.wrong).toEqual([
    expect.stringContaining(`stake in the pool of ${stage.provider.account.address}`),
  ])
})

it('asks for shorter spans where a node refuses a long one, and ends with its error', async () => {
  const { client } = stage.tenant
  const spans: bigint[] = []
  const refusing = (most: bigint) => {
    const getLogs = async (query: { fromBlock: bigint; toBlock: bigint }) => {
      const span = query.toBlock - query.fromBlock + 1n
      spans.push(span)
      if (span > most) throw new Error('The range is too long.')
      return client.getLogs(query as never)
    }
    const cloister = cloisterOn(stage)
    return { ...cloister, chain: { ...cloister.chain, client: { ...client, getLogs } } as never }
  }
  const { checks } = await auditStake(refusing(20n))
  expect(checks.flatMap(({ wrong }) => wrong)).toEqual([])
  expect(Math.min(...spans.map(Number))).toBeLessThanOrEqual(20)
  await expect(auditStake(refusing(0n))).rejects.toThrow('The range is too long.')
})
