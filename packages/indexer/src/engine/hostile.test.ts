import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Governed, registerWorker, WORKERS_ABI } from '@cloister/chain'
import { IndexStatus, joinTypedData } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import fc from 'fast-check'
import { type Hex, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { foldAnnouncements } from '../chapters/governance/announcements.ts'
import { foldProposals } from '../chapters/governance/proposals.ts'
import { readActions } from '../chapters/governance/queries.ts'
import { foldSuspensions } from '../chapters/governance/suspensions.ts'
import { CHAPTERS } from '../chapters/index.ts'
import { openDatabase } from '../database/open.ts'
import { startIndexer } from '../indexer.ts'
import type { ChainEvent } from './contract.ts'
import { FIRST_SPAN, Follower } from './follow.ts'
import { type Listening, Plan } from './plan.ts'
import { rewind } from './rewind.ts'
import { checkpoint, event } from './tables.ts'
import { writeSpan } from './write.ts'

let chain: DevelopmentChain
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-index-'))
  chain = await startDevelopmentChain()
})
afterAll(async () => {
  await chain?.stop()
  await rm(folder, { recursive: true, force: true })
})

const follow = (name: string, rpcUrl = chain.network.rpcUrl) =>
  startIndexer({
    network: { ...chain.network, rpcUrl },
    database: join(folder, name),
    host: '127.0.0.1',
    port: 0,
    warn: () => {},
  })
const statusOf = async (url: string) => IndexStatus.parse(await (await fetch(`${url}/v1/status`)).json())
const untilAt = (url: string, block: number) =>
  expect.poll(async () => (await statusOf(url)).block, { timeout: 20_000 }).toBeGreaterThanOrEqual(block)
const head = async () => Number(await chain.wallet(0).client.getBlockNumber())

test('a worker whose GPU class and endpoint are no text stops no index', async () => {
  const provider = chain.wallet(5)
  const worker = privateKeyToAccount(generatePrivateKey())
  const { chainId, contracts } = chain.network
  const joined = { provider: provider.account.address, worker: worker.address }
  const signature = await worker.signTypedData(joinTypedData(joined, chainId, contracts.workers))
  const most = 2 ** 32 - 1
  const description = {
    cpuMilli: most,
    memoryMiB: most,
    diskMiB: most,
    gpus: 2 ** 16 - 1,
    gpuClass: `0x610062ff${'00'.repeat(28)}` as Hex,
    endpoint: `https://\0${'x'.repeat(4_000)}`,
  }
  const { address } = { address: chain.network.contracts.workers }
  const hash = await provider.wallet.writeContract({
    address,
    abi: WORKERS_ABI,
    functionName: 'register',
    args: [worker.address, description, signature],
  })
  await provider.client.waitForTransactionReceipt({ hash })
  const index = await follow('text')
  await untilAt(index.url, await head())
  const found = await (await fetch(`${index.url}/v1/workers/${worker.address}`)).json()
  expect(found).toMatchObject({ gpuClass: 'a\ufffdb\ufffd', cpuMilli: most, gpus: 2 ** 16 - 1 })
  expect((await fetch(`${index.url}/v1/workers?gpuClass=a%00b`)).status).toBe(400)
  await index.stop()
})

const CONTRACTS: Governed[] = [{ name: 'stake', address: `0x${'66'.repeat(20)}`, abi: [] }]
const word = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.constant(new Uint8Array(32)),
  fc.constant(new Uint8Array(32).fill(0xff)),
)
/** Few, so that events meet. */
const ACCOUNTS = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`]
const IDS = [`0x${'33'.repeat(32)}`, `0x${'44'.repeat(32)}`]
const account = fc.constantFrom(...ACCOUNTS)
const id = fc.constantFrom(...IDS)

/** Any value that Solidity's type has, in the form viem decodes it into. */
function anyOf(input: {
  name?: string | undefined
  type: string
  components?: readonly { name?: string | undefined; type: string }[]
}): fc.Arbitrary<unknown> {
  if (input.components)
    return fc.record(Object.fromEntries(input.components.map((part) => [part.name ?? '', anyOf(part)])))
  // A list of hours is as long as the contract made it.
  if (input.name === 'from') return input.type === 'address' ? account : fc.constant(5n)
  if (input.name === 'to' && input.type !== 'address') return fc.bigInt({ min: 5n, max: 9n })
  if (input.name === 'app' || input.name === 'channelId') return id
  if (input.name === 'id') return input.type === 'bytes32' ? id : fc.constantFrom(1n, 2n)
  if (input.type === 'address') return account
  if (input.type === 'bool') return fc.boolean()
  if (input.type === 'string')
    return fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('\0', '\ud800', '\udc00\ud800', 'x'.repeat(5_000)),
    )
  const bits = Number(/^u?int(\d+)/.exec(input.type)?.[1] ?? 0)
  // viem decodes what fits into 48 bits as a number.
  if (bits > 0 && bits <= 48) return fc.nat({ max: 2 ** bits - 1 })
  if (bits > 0)
    return fc.oneof(fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }), fc.bigInt({ min: 0n, max: 3n }))
  const size = Number(/^bytes(\d+)/.exec(input.type)?.[1] ?? 32)
  return word.map((bytes) => toHex(bytes.slice(0, size)))
}

type Decoded = Pick<ChainEvent, 'contract' | 'name' | 'args'>

const argsOf = ({ contract, event }: Listening) =>
  fc
    .record(Object.fromEntries(event.inputs.map((input) => [input.name ?? '', anyOf(input)])))
    // An exit is of one pool.
    .map((args) =>
      contract === 'stake' && 'id' in args ? { ...args, provider: ACCOUNTS[Number(args['id']) - 1] } : args,
    )

/** Any event that a contract of the network could emit. */
const anyEvent = (plan: Plan): fc.Arbitrary<Decoded> =>
  fc
    .constantFrom(...plan.listened)
    .chain((one) => argsOf(one).map((args) => ({ contract: one.contract, name: one.event.name, args })))

/** Without these no others are about the same app, channel, pool, exit, lease, offer, proposal, worker. */
const BEGINNINGS = [
  'AppRegistered',
  'ChannelOpened',
  'Delegated',
  'ExitRequested',
  'LeaseOpened',
  'Offered',
  'Proposed',
  'WorkerRegistered',
]

/** The beginning of everything that events may be about, with any values. */
function beginnings(plan: Plan): Decoded[] {
  return plan.listened
    .filter(({ event }) => BEGINNINGS.includes(event.name))
    .flatMap((one) =>
      [0, 1].map((which) => {
        const [args] = fc.sample(argsOf(one), 1)
        const names = {
          id: ['market', 'vouchers'].includes(one.contract) ? IDS[which] : BigInt(which + 1),
          channelId: IDS[which],
          app: IDS[which],
          provider: ACCOUNTS[which],
          worker: ACCOUNTS[which],
        }
        const known = Object.entries(names).filter(([name]) => name in (args ?? {}))
        return {
          contract: one.contract,
          name: one.event.name,
          args: { ...args, ...Object.fromEntries(known) },
        }
      }),
    )
}

test('no event that a contract could emit, whatever is in it, is refused by the database', async () => {
  const { database, close } = await openDatabase(join(folder, 'property'))
  const plan = new Plan(CHAPTERS, chain.network)
  let block = 0
  const write = async (events: Decoded[]) => {
    block++
    const found = events.map(
      (event, logIndex): ChainEvent => ({
        ...event,
        block,
        logIndex,
        time: 1_000 + block,
        transaction: `0x${'55'.repeat(32)}`,
      }),
    )
    await writeSpan(database, plan, found, [{ block, hash: `0x${block}` }], 0)
  }
  await write(beginnings(plan))
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent(plan), { minLength: 1, maxLength: 12 }), async (events) => {
      await write(events)
      if (block % 10 === 0) await rewind(database, plan, block - 3)
    }),
    { numRuns: 40, endOnFailure: true },
  )
  // Nor does what is computed from it fail.
  const known = await readActions(database, plan)
  expect(known.length).toBeGreaterThan(10)
  expect(() => [
    foldAnnouncements(known, CONTRACTS, 2_000),
    foldSuspensions(known, 2_000),
    foldProposals(known, 2_000),
  ]).not.toThrow()
  await close()
})

test('what was read ahead of a reorganisation is not written', async () => {
  const { client } = chain.wallet(0)
  const rpc = (method: string, ...params: unknown[]) => client.request({ method, params } as never)
  const { database, close } = await openDatabase(join(folder, 'ahead'))
  const plan = new Plan(CHAPTERS, chain.network)
  const from = (await head()) + 1
  const follower = new Follower(database, { ...chain.network, deployedAt: from }, plan, () => {})
  const known = async () => (await database.select().from(event)).map(({ args }) => args['worker'])
  await rpc('anvil_mine', toHex(FIRST_SPAN))
  const snapshot = await rpc('evm_snapshot')
  const gone = await joined()
  // The first span is written, and the second one is read meanwhile.
  expect(await follower.step()).toBe(true)
  await vi.waitFor(() => expect(follower.isReadAhead).toBe(true), 10_000)
  await rpc('evm_revert', snapshot)
  const instead = await joined()
  while ((await follower.step()) || (await database.select().from(checkpoint)).length < 2);
  expect(await known()).toContain(instead)
  expect(await known()).not.toContain(gone)
  await follower.stop()
  await close()
})

test('a node that refuses blocks, or has none of them yet, takes nothing back', async () => {
  const up = new URL(chain.network.rpcUrl)
  let mode: 'honest' | 'refuse' | 'lag' = 'honest'
  let refused = 0
  const proxy = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    if (mode !== 'honest' && body.includes('eth_getBlockByNumber')) {
      refused++
      if (mode === 'refuse') return void response.writeHead(401).end('{"error":"quota"}')
      const asked = JSON.parse(body.toString()) as { id: number } | { id: number }[]
      const nothing = ({ id }: { id: number }) => ({ jsonrpc: '2.0', id, result: null })
      return void response
        .writeHead(200)
        .end(JSON.stringify(Array.isArray(asked) ? asked.map(nothing) : nothing(asked)))
    }
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const outgoing = request({ host: up.hostname, port: up.port, method: 'POST', headers }, (answer) =>
      answer.pipe(response),
    )
    outgoing.on('error', () => response.destroy())
    outgoing.end(body)
  })
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', () => done()))
  const index = await follow('refused', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
  const key = generatePrivateKey()
  await joined(key)
  await coverWorker(chain.wallet(5), await chain.root.manufacture(), privateKeyToAccount(key))
  await untilAt(index.url, await head())
  const before = await statusOf(index.url)
  expect(before.events).toBeGreaterThan(0)
  for (const how of ['refuse', 'lag'] as const) {
    mode = how
    const from = refused
    await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThan(from + 20)
    const now = await statusOf(index.url)
    expect(now).toMatchObject({ block: before.block, events: before.events, reorganisations: 0 })
  }
  mode = 'honest'
  await chain.wallet(0).client.request({ method: 'evm_mine' } as never)
  await untilAt(index.url, before.block + 1)
  expect((await statusOf(index.url)).events).toBe(before.events)
  await index.stop()
  proxy.closeAllConnections()
  proxy.close()
})

/** Registers a worker of no particular kind. */
async function joined(secret = generatePrivateKey()): Promise<Hex> {
  const key = privateKeyToAccount(secret)
  await registerWorker(chain.wallet(5), key, {
    cpuMilli: 1,
    memoryMiB: 1,
    diskMiB: 1,
    gpus: 0,
    gpuClass: '',
    endpoint: 'https://x',
  })
  return key.address
}
