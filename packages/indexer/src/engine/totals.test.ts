import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import { PERIOD_SECONDS } from '@cloister/economy'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHAPTERS } from '../chapters/index.ts'
import { leaseTotal, tenantTotal } from '../chapters/leases/tables.ts'
import { feeTotal } from '../chapters/payments/tables.ts'
import { openDatabase } from '../database/open.ts'
import type { ChainEvent } from './contract.ts'
import { Plan } from './plan.ts'
import { rewind } from './rewind.ts'
import { writeSpan } from './write.ts'

const address = (byte: string): Hex => `0x${byte.repeat(20)}`
const word = (byte: string): Hex => `0x${byte.repeat(32)}`
/** The second block is in the first period of the emission, the first is before it. */
const START = 1_002
const plan = new Plan(CHAPTERS, { contracts: {}, tokens: [], emissionStart: START } as unknown as Network)

let folder: string
let index: Awaited<ReturnType<typeof openDatabase>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-index-'))
  index = await openDatabase(join(folder, 'index'))
})
afterAll(async () => {
  await index?.close()
  await rm(folder, { recursive: true, force: true })
})

const opened = (id: string) => ({
  name: 'LeaseOpened',
  args: {
    id: word(id),
    tenant: address('11'),
    worker: address('22'),
    provider: address('33'),
    token: address('44'),
    ratePerSecond: 1n,
    deposit: 100n,
    feeBps: 0n,
    noticeMinutes: 0n,
    manifestHash: word('55'),
    name: word('00'),
  },
})
const settled = (id: string) => ({
  name: 'LeaseSettled',
  args: { id: word(id), coveredSeconds: 10n, amount: 40n, fee: 8n },
})
const closed = (id: string) => ({
  name: 'LeaseClosed',
  args: { id: word(id), by: address('11'), refund: 60n },
})
const write = (block: number, ...events: { name: string; args: Record<string, unknown> }[]) => {
  const place = { contract: 'market', block, time: 1_000 + block, transaction: word('66') }
  const span = events.map((event, logIndex): ChainEvent => ({ ...event, ...place, logIndex }))
  return writeSpan(index.database, plan, span, [{ block, hash: word('77') }], 0)
}
const totals = async () => {
  const [row] = await index.database.select().from(leaseTotal)
  const [tenant] = await index.database.select().from(tenantTotal)
  return { ...row, ofTenant: tenant?.leases }
}

test('totals follow rows forwards and backwards', async () => {
  await write(1, opened('a1'), opened('a2'))
  expect(await totals()).toMatchObject({ leases: 2, open: 2, deposit: 200n, spent: 0n, ofTenant: 2 })
  // A lease that begins and ends in one span counts once.
  await write(2, settled('a1'), closed('a1'), opened('a3'), settled('a3'), closed('a3'))
  const after = { leases: 3, open: 1, refused: 0, deposit: 300n, spent: 80n, fee: 16n, ofTenant: 3 }
  expect(await totals()).toMatchObject(after)
  await rewind(index.database, plan, 1)
  expect(await totals()).toMatchObject({ leases: 2, open: 2, deposit: 200n, spent: 0n, fee: 0n, ofTenant: 2 })
  await write(2, settled('a2'))
  expect(await totals()).toMatchObject({ leases: 2, open: 2, spent: 40n, fee: 8n })
  await rewind(index.database, plan, 0)
  expect(await totals()).toMatchObject({ leases: 0, open: 0, deposit: 0n, spent: 0n, ofTenant: 0 })
})

test('totals of a log go back with its blocks', async () => {
  const fees = async () => {
    const rows = await index.database.select().from(feeTotal)
    return Object.fromEntries(rows.map(({ period, amount }) => [period, amount]))
  }
  await write(1, opened('b1'), settled('b1'), settled('b1'))
  expect(await fees()).toEqual({ [-1]: 16n, 0: 0n })
  await write(2, settled('b1'))
  await write(PERIOD_SECONDS + 2, settled('b1'), settled('b1'))
  expect(await fees()).toEqual({ [-1]: 16n, 0: 8n, 1: 16n })
  await rewind(index.database, plan, 2)
  expect(await fees()).toEqual({ [-1]: 16n, 0: 8n, 1: 0n })
  await rewind(index.database, plan, 0)
  expect(await fees()).toEqual({ [-1]: 0n, 0: 0n, 1: 0n })
})
