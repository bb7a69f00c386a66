import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectWallet, type Network } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { firstBlock } from '@cloister/development/genesis'
import { encodeAbiParameters, type Hex, parseGwei, toHex } from 'viem'
import { afterEach, expect, test, vi } from 'vitest'
import { JournaledChain, type Pace } from './chain.ts'
import { ChainDoor } from './door.ts'
import { Engine } from './engine.ts'
import { ALONE, type ChainKind } from './kind.ts'

const ZERO = `0x${'00'.repeat(20)}` as const
const NEVER = 1e9
const WAIT = { timeout: 20_000 }
/** Answers with the hash of the block whose number it is given. */
const BLOCK_HASHES = '0x5f35405f5260205ff3'
/** Emits all it is given as one log with a topic. */
const LOGGER = '0x365f5f37602a365fa100'

const ended: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

interface Stage {
  chain: JournaledChain
  url: string
  warnings: string[]
  close(): Promise<void>
}

async function folderOf(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-chain-'))
  ended.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function open(
  folder: string,
  pace: Partial<Pace> = {},
  now?: () => number,
  kind?: ChainKind,
): Promise<Stage> {
  const warnings: string[] = []
  const usual = { heartbeatMs: NEVER, engineBlocks: NEVER, depth: 260, headStart: 0 }
  const chain = await JournaledChain.open({
    folder,
    pace: { ...usual, ...pace },
    warn: (text) => warnings.push(text),
    ...(now && { now }),
    ...(kind && { kind }),
  })
  const door = new ChainDoor(chain)
  const url = `http://127.0.0.1:${await door.listen(0)}`
  let isClosed = false
  const close = async () => {
    if (isClosed) return
    isClosed = true
    await door.close()
    await chain.stop()
  }
  ended.push(close)
  return { chain, url, warnings, close }
}

function walletOf(rpcUrl: string, index = 0) {
  const tokens = [{ symbol: 'CLOI', decimals: 18, address: ZERO }]
  // Nothing but the chain is asked.
  const network = {
    name: 'test',
    chainId: 31337,
    rpcUrl,
    pollingIntervalMs: 20,
    tokens,
    development: true,
  } as unknown as Network
  return connectWallet(network, developmentAccount(network, index))
}

/** A contract whose whole code is `runtime`. */
const creationOf = (runtime: string): Hex => {
  const code = runtime.slice(2)
  return `0x60${toHex(code.length / 2, { size: 1 }).slice(2)}600c60003960${toHex(code.length / 2, { size: 1 }).slice(2)}6000f3${code}`
}

test('no transaction whose hash was given is lost or doubled, whenever the engine is killed', async () => {
  const { chain, url, warnings } = await open(await folderOf())
  const { wallet, client, account } = walletOf(url)
  const to = developmentAccount({ development: true } as Network, 7).address
  const before = await client.getBalance({ address: to })
  const hashes: Hex[] = []
  for (let nonce = 0; nonce < 12; nonce++) {
    if (nonce % 6 === 3) process.kill(chain.enginePid ?? 0, 'SIGKILL')
    const fees = { maxFeePerGas: parseGwei('10'), maxPriorityFeePerGas: 1n, gas: 21_000n }
    hashes.push(await wallet.sendTransaction({ to, value: 1n, nonce, ...fees }))
    if (nonce % 6 === 5) process.kill(chain.enginePid ?? 0, 'SIGKILL')
  }
  const receipts = await Promise.all(
    hashes.map((hash) => client.waitForTransactionReceipt({ hash, timeout: 60_000 })),
  )
  expect(receipts.every(({ status }) => status === 'success')).toBe(true)
  expect(await client.getBalance({ address: to })).toBe(before + 12n)
  expect(await client.getTransactionCount({ address: account.address })).toBe(12)
  expect(warnings.some((text) => text.includes('takes over'))).toBe(true)
})

test('a transaction that reaches the engine right after a block was made is in the next one', async () => {
  const { url } = await open(await folderOf(), { heartbeatMs: 3_000 })
  const { wallet, client } = walletOf(url)
  const rpc = Engine.prototype.rpc
  const arrived = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const spy = vi.spyOn(Engine.prototype, 'rpc').mockImplementation(async function (this: Engine, ...call) {
    const [method] = call
    if (method === 'eth_sendRawTransaction') await asked.promise
    if (method === 'eth_getTransactionByHash') {
      // The block was made without it, and it is looked for.
      asked.resolve()
      await arrived.promise
    }
    const answer = await rpc.apply(this, call)
    if (method === 'eth_sendRawTransaction') arrived.resolve()
    return answer
  })
  ended.push(async () => spy.mockRestore())
  const to = developmentAccount({ development: true } as Network, 7).address
  const fees = { maxFeePerGas: parseGwei('10'), maxPriorityFeePerGas: 1n, gas: 21_000n, nonce: 0 }
  const hash = await wallet.sendTransaction({ to, value: 1n, ...fees })
  const found = () => client.getTransactionReceipt({ hash }).catch(() => undefined)
  await expect.poll(found, { timeout: 20_000 }).toMatchObject({ status: 'success', blockNumber: 2n })
  const [first, second] = await Promise.all([1n, 2n].map((blockNumber) => client.getBlock({ blockNumber })))
  // Not as late as a heartbeat would be.
  expect(Number((second?.timestamp ?? 0n) - (first?.timestamp ?? 0n))).toBeLessThan(3)
})

test('a chain taken up again has the same blocks, receipts, logs and state, also by a snapshot, and no engine is left behind', async () => {
  const folder = await folderOf()
  let ahead = 0
  const now = () => 1_800_000_000 + ahead
  const first = await open(folder, { engineBlocks: 30, depth: 270 }, now)
  const wallet = walletOf(first.url)
  const later = async () => {
    ahead += 10
    await first.chain.mine()
  }
  const create = async (runtime: string) => {
    const hash = await wallet.wallet.sendTransaction({ data: creationOf(runtime) })
    await later()
    return (await wallet.client.getTransactionReceipt({ hash })).contractAddress ?? ZERO
  }
  const hashes = await create(BLOCK_HASHES)
  const logger = await create(LOGGER)
  const said: Hex[] = []
  for (let i = 0; first.chain.head.number < 420; i++) {
    if (i % 10 === 0)
      said.push(
        await wallet.wallet.sendTransaction({ to: logger, data: toHex(i, { size: 32 }), gas: 100_000n }),
      )
    await later()
  }
  await expect.poll(() => first.chain.journal.meta('snapshot'), { timeout: 30_000 }).toBeDefined()
  const { hash, number } = first.chain.head
  const blockHash = (client: typeof wallet.client, of: number) =>
    client.call({ to: hashes, data: toHex(of, { size: 32 }) }).then(({ data }) => data)
  const view = async ({ client }: typeof wallet) => ({
    head: await client.getBlock(),
    old: await client.getBlock({ blockNumber: 3n, includeTransactions: true }),
    logs: await client.getLogs({ address: logger, fromBlock: 0n, toBlock: 'latest' }),
    receipt: await client.getTransactionReceipt({ hash: said[3] ?? '0x' }),
    asked: await Promise.all([1, 100, 255].map((depth) => blockHash(client, number - depth))),
  })
  const before = await view(wallet)
  expect(before.head.hash).toBe(hash)
  expect(before.logs.map(({ transactionHash }) => transactionHash)).toEqual(said)
  expect(before.receipt.logs[0]?.data).toBe(toHex(30, { size: 32 }))
  const expected = await Promise.all(
    [1, 100, 255].map((depth) => wallet.client.getBlock({ blockNumber: BigInt(number - depth) })),
  )
  expect(before.asked).toEqual(expected.map((block) => block.hash))
  expect(before.asked[0]).not.toBe(encodeAbiParameters([{ type: 'uint256' }], [0n]))
  expect(first.warnings).toEqual([])
  await first.close()
  const second = await open(folder, {}, now)
  expect(await view(walletOf(second.url))).toEqual(before)
  expect(second.warnings).toEqual([])
  await second.close()
  const left = await readdir(folder)
  expect(left.filter((name) => name.startsWith('engine-'))).toEqual([])
  // The one that was put to use; newer ones, which were taken on the way, may be beside it.
  const snapshots = left.filter((name) => name.startsWith('snapshot-'))
  expect(snapshots).toContain('snapshot-30.json')
  expect(snapshots.length).toBeLessThan(5)
  // Without any of them the journal alone is enough.
  for (const name of snapshots) await rm(join(folder, name))
  const third = await open(folder, {}, now)
  expect(await view(walletOf(third.url))).toEqual(before)
  expect((await stat(join(folder, 'journal.db'))).size).toBeLessThan(2_000_000)
})

test('a snapshot of a run that ended too soon is put to use by the next one, unless it leads elsewhere', async () => {
  const folder = await folderOf()
  let ahead = 0
  const now = () => 1_800_000_000 + ahead
  const first = await open(folder, { engineBlocks: 30, depth: 270 }, now)
  while (first.chain.head.number < 220) {
    ahead += 10
    await first.chain.mine()
  }
  expect(first.chain.journal.meta('snapshot')).toBeUndefined()
  const { head } = first.chain
  await first.close()
  const snapshots = async () => (await readdir(folder)).filter((name) => name.startsWith('snapshot-')).sort()
  expect(await snapshots()).toEqual(['snapshot-166.json', 'snapshot-30.json', 'snapshot-98.json'])
  await writeFile(join(folder, 'snapshot-98.json'), '{"accounts":{}}')
  const second = await open(folder, { engineBlocks: 30, depth: 100 }, now)
  expect(second.chain.head).toEqual(head)
  expect(second.chain.journal.meta('snapshot')).toBe('30')
  expect(await snapshots()).toEqual(['snapshot-30.json'])
  expect(second.warnings).toEqual([expect.stringContaining('the snapshot of block 98 is given up')])
})

/** How many engines run in a folder. */
async function enginesIn(folder: string): Promise<number> {
  return (await readdir(folder)).filter((name) => name.startsWith('engine-')).length
}

/** A chain whose next block has another engine take over, by a snapshot of some blocks before. */
async function aboutToRotate() {
  const folder = await folderOf()
  let ahead = 0
  const pace = { engineBlocks: 4, depth: 8 }
  const { chain, close, warnings } = await open(folder, pace, () => 1_800_000_000 + ahead)
  ended.push(async () => Engine.endLeftovers(folder))
  const mine = () => {
    ahead += 10
    return chain.mine()
  }
  while (chain.head.number < 11) await mine()
  expect(await enginesIn(folder)).toBe(1)
  return { folder, chain, close, warnings, mine }
}

test('a chain keeps the first block that it began with, whatever later ones begin with', async () => {
  const parent = await folderOf()
  const { genesis: _, ...without } = ALONE
  const kinds = [
    without,
    ALONE,
    { ...ALONE, genesis: (time: number) => firstBlock(31337, time, { [ZERO]: { balance: 1n } }) },
  ]
  for (const at of [0, 1]) {
    const folder = join(parent, String(at))
    const begun = new Set<unknown>()
    // Its own kind first, then the others.
    for (const kind of [...kinds.slice(at), ...kinds.slice(0, at)]) {
      const { chain, url, close } = await open(folder, {}, undefined, kind)
      const { wallet, client } = walletOf(url)
      const hash = await wallet.sendTransaction({ to: ZERO, value: 1n })
      await client.waitForTransactionReceipt({ hash })
      begun.add(chain.journal.block(0, false)?.hash)
      await close()
    }
    expect(begun.size).toBe(1)
  }
}, 60_000)

test('an engine that dies while another is about to take over has one successor', async () => {
  const { folder, chain, close, warnings, mine } = await aboutToRotate()
  const first = chain.enginePid ?? 0
  const takesOver = () => warnings.some((text) => text.includes('takes over'))
  const start = Engine.start.bind(Engine)
  const spy = vi.spyOn(Engine, 'start').mockImplementationOnce(async (...from) => {
    const second = await start(...from)
    process.kill(first, 'SIGKILL')
    await vi.waitUntil(takesOver, WAIT)
    // The third is put to use only once it is settled what becomes of the second.
    spy.mockImplementationOnce(async (...again) => {
      const third = await start(...again)
      await Promise.race([second.ended, vi.waitUntil(() => chain.enginePid === second.pid, WAIT)])
      return third
    })
    return second
  })
  ended.push(async () => spy.mockRestore())
  await mine()
  await vi.waitUntil(() => ![undefined, first].includes(chain.enginePid), WAIT)
  await expect.poll(() => enginesIn(folder), WAIT).toBe(1)
  await mine()
  await close()
  expect(await enginesIn(folder)).toBe(0)
})

test('a chain that is stopped while its engine changes leaves none behind', async () => {
  const stopped = await aboutToRotate()
  const mining = stopped.mine()
  await stopped.close()
  await mining
  expect(await enginesIn(stopped.folder)).toBe(0)

  const { chain, close, warnings } = await open(stopped.folder)
  process.kill(chain.enginePid ?? 0, 'SIGKILL')
  await expect.poll(() => warnings, WAIT).toContainEqual(expect.stringContaining('takes over'))
  await close()
  expect(await enginesIn(stopped.folder)).toBe(0)
})

test('time goes on sanely after a stop of hours, and what is asked of an idle chain is answered as of now', async () => {
  const folder = await folderOf()
  let time = 1_800_000_000
  const first = await open(folder, {}, () => time)
  await first.chain.mine()
  await first.close()
  time += 6 * 3_600
  const { url, chain } = await open(folder, {}, () => time)
  const { client } = walletOf(url)
  const clock = await client.request({
    method: 'eth_call',
    params: [
      { to: `0x${'bb'.repeat(20)}` },
      'latest',
      { [`0x${'bb'.repeat(20)}`]: { code: '0x425f5260205ff3' } },
    ],
  } as never)
  expect(Number(clock)).toBe(time)
  await chain.mine()
  expect(chain.head.time).toBe(time)
  // A clock that went back makes no block older than its parent.
  time -= 3_600
  await chain.mine()
  expect(chain.head.time).toBe(time + 3_601)
})

test('a new chain begins behind the clock, and catches up by blocks that wait for no second', async () => {
  const folder = await folderOf()
  let time = 1_800_000_000
  // The clock stands still, so a block is made while the chain is behind, or never.
  const { chain, url, close } = await open(folder, { headStart: 3 }, () => time)
  const { wallet, client, account } = walletOf(url)
  const send = async (nonce: number) => {
    const fees = { maxFeePerGas: parseGwei('10'), maxPriorityFeePerGas: 1n, gas: 21_000n }
    const hash = await wallet.sendTransaction({ to: account.address, value: 1n, nonce, ...fees })
    await client.waitForTransactionReceipt({ hash })
    return chain.head.time - time
  }
  expect(chain.head.time).toBe(time - 3)
  expect([await send(0), await send(1), await send(2)]).toEqual([-2, -1, 0])
  time += 5
  expect(await send(3)).toBe(0)
  await close()
  const another = await open(await folderOf(), { headStart: 30 }, () => time)
  await another.chain.mine()
  expect(another.chain.head.time).toBe(time)
  // One that is taken up again goes by the clock.
  time += 100
  const again = await open(folder, { headStart: 3 }, () => time)
  await again.chain.mine()
  expect(again.chain.head.time).toBe(time)
})

test('bad calls get an error and change nothing', async () => {
  const { url, chain } = await open(await folderOf())
  const post = async (body: string) =>
    (await fetch(url, { method: 'POST', body })).json() as Promise<{ error?: { code: number } }>
  const call = (method: string, ...params: unknown[]) => post(JSON.stringify({ id: 1, method, params }))
  for (const [answer, code] of [
    [await post('nonsense'), -32600],
    [await post('{}'), -32600],
    [await call('anvil_setBalance', ZERO, '0x0'), -32601],
    [await call('eth_sendTransaction', { from: ZERO }), -32601],
    [await call('eth_sendRawTransaction', '0x'), -32602],
    [await call('eth_getBlockByNumber', '0xzz'), -32602],
    [await call('eth_getLogs', { topics: [['0x12']] }), -32602],
    [await call('eth_getTransactionReceipt', 5), -32602],
    [await call('evm_increaseTime', -5), -32602],
  ] as const)
    expect(answer.error?.code).toBe(code)
  expect((await call('eth_sendRawTransaction', '0x02c0')).error).toBeDefined()
  expect(chain.journal.pending()).toEqual([])
  expect(chain.head.number).toBe(0)
})
