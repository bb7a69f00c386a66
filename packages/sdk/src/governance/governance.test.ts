import { governedContracts, MARKET_ABI, type Network } from '@cloister/chain'
import type { GovernanceRecord } from '@cloister/core'
import { type Address, encodeFunctionData, type Hex, keccak256 } from 'viem'
import { expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { governance } from './governance.ts'

const HASH: Hex = `0x${'ab'.repeat(32)}`
const OWNER: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
const names = ['admission', 'platforms', 'workers', 'market', 'apps', 'keyService', 'stake', 'emission']
const contracts = Object.fromEntries(
  [...names, 'slashing', 'revocationFund'].map((name, index) => [
    name,
    `0x${String(index + 1).padStart(40, '0')}`,
  ]),
)
const network = { contracts, tokens: [] } as unknown as Network
const market = governedContracts(network).find(({ address }) => address === contracts['market'])

/** What the index says, on a chain that answers as `onChain` does, by the name of the function. */
function asking(record: Partial<GovernanceRecord>, onChain: Record<string, unknown>) {
  const readContract = async ({ functionName }: { functionName: string }) => onChain[functionName]
  const index = {
    governance: async () => ({ announcements: [], suspensions: [], proposals: [], ...record }),
  }
  return governance({ network, chain: { network, client: { readContract } }, index } as unknown as Cloister)
}

const call = encodeFunctionData({ abi: MARKET_ABI, functionName: 'transferOwnership', args: [OWNER] })
const announcement = (changes: object = {}) =>
  ({
    contract: market?.name,
    address: OWNER,
    change: keccak256(call),
    call,
    function: 'renounceOwnership',
    args: {},
    announcedAt: 1,
    readyAt: 700,
    state: 'waiting',
    transaction: HASH,
    ...changes,
  }) as unknown as GovernanceRecord['announcements'][number]

it('says of an announced call what it does by the call itself, and whether the chain has it', async () => {
  const found = await asking({ announcements: [announcement()] }, { readyAt: 700n })
  expect(found.announcements[0]).toMatchObject({
    function: 'transferOwnership',
    args: { newOwner: OWNER },
    address: contracts['market'],
    onChain: true,
  })
  const late = await asking({ announcements: [announcement()] }, { readyAt: 0n })
  expect(late.announcements[0]?.onChain).toBe(false)
})

it('believes no call that is another one than was announced', async () => {
  const other = announcement({ change: HASH })
  const found = await asking({ announcements: [other] }, { readyAt: 700n })
  expect(found.announcements[0]?.onChain).toBe(false)
})

it('asks the chain nothing about what is over', async () => {
  const { announcements } = await asking({ announcements: [announcement({ state: 'made' })] }, {})
  expect(announcements[0]?.onChain).toBeUndefined()
})

it('holds suspensions and proposed slashes against the chain', async () => {
  const measurement = {
    kind: 'measurement',
    measurement: HASH,
    roles: 1,
    since: 0,
    until: 9,
    state: 'in-force',
  }
  const floor = { kind: 'floor', fmspc: '0x00a06d080000', floor: {}, since: 0, until: 9, state: 'in-force' }
  const proposal = { id: '1', provider: OWNER, bps: 100, readyAt: 5, state: 'ready' }
  const record = { suspensions: [measurement, floor], proposals: [proposal] } as unknown as GovernanceRecord
  const stands = (found: Awaited<ReturnType<typeof governance>>) => [
    ...found.suspensions.map(({ onChain }) => onChain),
    ...found.proposals.map(({ onChain }) => onChain),
  ]
  const right = {
    rolesOf: 2,
    raisedFloorOf: [{}, 9n],
    proposalOf: { provider: OWNER, readyAt: 5n, bps: 100 },
  }
  expect(stands(await asking(record, right))).toEqual([true, true, true])
  const wrong = {
    rolesOf: 3,
    raisedFloorOf: [{}, 8n],
    proposalOf: { provider: OWNER, readyAt: 5n, bps: 200 },
  }
  expect(stands(await asking(record, wrong))).toEqual([false, false, false])
})
