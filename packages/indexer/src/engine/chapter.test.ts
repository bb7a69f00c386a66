import type { Wallet } from '@cloister/chain'
import { address, CloisterError, decimal } from '@cloister/core'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { desc, eq, sql } from 'drizzle-orm'
import { bigint, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { type Address, erc20Abi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { listOf, route } from '../api/route.ts'
import { CHAPTERS } from '../chapters/index.ts'
import { amount } from '../database/columns.ts'
import { openDatabase } from '../database/open.ts'
import { startTestIndex, type TestIndex } from '../testing.ts'
import { type Chapter, entity, log, on } from './chapter.ts'
import type { Contract } from './contract.ts'
import { Plan } from './plan.ts'

// A chapter that no network has: what each account was sent of a token.

const USDC = {
  name: 'usdc',
  abi: erc20Abi,
  at: ({ tokens }) => tokens.find(({ symbol }) => symbol === 'USDC')?.address,
  without: ['Approval'],
} as const satisfies Contract

const receiver = pgTable('receiver', {
  account: text().primaryKey(),
  received: amount('received').notNull(),
  times: integer().notNull(),
})
const sending = pgTable(
  'sending',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    to: text('to_account').notNull(),
    value: amount('value').notNull(),
  },
  (table) => [primaryKey({ columns: [table.block, table.logIndex] })],
)
const receivers = entity(receiver, { key: 'account', subject: 'receiver', column: receiver.account })
const sendings = log(sending)

const Receiver = z.object({ account: address, received: decimal, times: z.int(), sendings: z.array(decimal) })

const readReceiver = route(
  {
    path: '/v1/receivers/{account}',
    summary: 'What an account was sent',
    params: { account: address },
    answer: Receiver,
    description: 'The account.',
    problems: [404],
  },
  async ({ params: { account } }, { database }) => {
    const [row] = await database.select().from(receiver).where(eq(receiver.account, account))
    if (!row) throw new CloisterError('not-found', 'Nothing was sent there.')
    const all = await database
      .select()
      .from(sending)
      .where(eq(sending.to, account))
      .orderBy(desc(sending.block))
    return {
      account,
      received: row.received.toString(),
      times: row.times,
      sendings: all.map(({ value }) => value.toString()),
    }
  },
)

const listReceivers = route(
  {
    path: '/v1/receivers',
    summary: 'Accounts that were sent something',
    answer: listOf(address),
    description: 'All of them.',
  },
  async (_, { database }) => ({
    items: (await database.select().from(receiver)).map(({ account }) => account as Address),
  }),
)

const RECEIVERS: Chapter = {
  name: 'receivers',
  version: 1,
  contracts: [USDC],
  subjects: [
    {
      kind: 'receiver',
      argumentOf: (contract, event) =>
        contract === USDC.name && event.name === 'Transfer' ? 'to' : undefined,
    },
  ],
  entities: [receivers],
  logs: [sendings],
  handlers: [
    on(USDC, 'receiver')(
      'Transfer',
      ({ args }) => [[receivers, args.to]],
      ({ args, block, logIndex }, rows) => {
        const before = rows.get(receivers, args.to) ?? { received: 0n, times: 0 }
        rows.put(receivers, {
          account: args.to,
          received: before.received + args.value,
          times: before.times + 1,
        })
        rows.add(sendings, { block, logIndex, to: args.to, value: args.value })
      },
    ),
  ],
  routes: [readReceiver, listReceivers],
}

let index: TestIndex
let chain: TestIndex['chain']
let sender: Wallet

beforeAll(async () => {
  index = await startTestIndex({ chapters: [...CHAPTERS, RECEIVERS], prepare: makeTables })
  chain = index.chain
  sender = chain.wallet(4)
  await fundDevelopmentAccount(chain.wallet(0), sender.account.address)
})
afterAll(() => index?.stop())

/** A real chapter's tables are made by a migration. */
async function makeTables(folder: string): Promise<void> {
  const { database, close } = await openDatabase(folder)
  await database.execute(
    sql`create table receiver (account text primary key, received numeric(78) not null, times int not null)`,
  )
  await database.execute(
    sql`create table sending (block bigint, log_index int, to_account text, value numeric(78), primary key (block, log_index))`,
  )
  await close()
}

const send = async (to: Address, value: bigint) => {
  const token = USDC.at(chain.network)
  if (!token) throw new Error('the development chain has no USDC')
  const hash = await sender.wallet.writeContract({
    address: token,
    abi: erc20Abi,
    functionName: 'transfer',
    args: [to, value],
  })
  await sender.client.waitForTransactionReceipt({ hash })
}
const asked = (account: Address) => index.ask(`/v1/receivers/${account}`, Receiver)

test('a chapter of its own is folded, taken back and folded anew, and answers', async () => {
  const [one, two] = [chain.wallet(8).account.address, chain.wallet(9).account.address]
  await send(one, 5n)
  await send(one, 7n)
  expect(await asked(one)).toMatchObject({ received: '12', times: 2, sendings: ['7', '5'] })
  const snapshot = await index.rpc('evm_snapshot')
  await send(one, 100n)
  await send(two, 1n)
  expect(await asked(one)).toMatchObject({ received: '112', times: 3 })
  await index.rpc('evm_revert', snapshot)
  // Another history than the one that was indexed.
  await index.rpc('evm_mine')
  await send(one, 8n)
  expect(await asked(one)).toMatchObject({ received: '20', times: 3, sendings: ['8', '7', '5'] })
  expect((await fetch(`${index.url}/v1/receivers/${two}`)).status).toBe(404)
  const { paths } = z
    .object({ paths: z.record(z.string(), z.unknown()) })
    .parse(await (await fetch(`${index.url}/openapi.json`)).json())
  expect(Object.keys(paths)).toContain('/v1/receivers/{account}')
})

test('a chapter that was changed makes the index fill its tables anew', () => {
  const identity = (chapter: Chapter) => new Plan([...CHAPTERS, chapter], chain.network).identity
  expect(identity({ ...RECEIVERS, version: 2 })).not.toBe(identity(RECEIVERS))
})

test('a chapter that handles an event which nothing reads is refused', () => {
  const withoutContracts = { ...RECEIVERS, contracts: [] }
  expect(() => new Plan([...CHAPTERS, withoutContracts], chain.network)).toThrow('No chapter reads')
})
