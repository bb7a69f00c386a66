import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MARKET_ABI, registerWorker, signBid, WORKERS_ABI } from '@cloister/chain'
import { type Bid, leaseIdOf } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { postgresPrograms, startPostgres } from '@cloister/development/postgres'
import { startIndexer } from '@cloister/indexer'
import { Steps, say, table } from '@cloister/terminal'
import { encodeFunctionData, erc20Abi, type Hex, maxUint256, parseAbi, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { times } from './numbers.ts'

const LEASES = Number(process.env['CLOISTER_LEASES'] ?? 10_000)
const BATCH = 200
const PONDER = resolve(import.meta.dirname, '../.cloister/bench/ponder')
const PONDER_MS = 15 * 60_000
const NO_PERMIT = { value: 0n, deadline: 0n, v: 0, r: zeroHash, s: zeroHash }

/** Events per second from an empty database to the head of a chain with 10,000 leases: ours and Ponder's. */
export async function benchIndexer(): Promise<void> {
  const steps = new Steps(false)
  steps.begin('chain', 'starting')
  const chain = await startDevelopmentChain()
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  const programs = postgresPrograms()
  const results: { name: string; seconds: number; events: number }[] = []
  try {
    const blocks = await fill(chain, (done) => steps.begin('chain', `${done} of ${LEASES} leases`))
    steps.begin('ours', 'PGlite')
    results.push(await ours('ours on PGlite', chain, join(folder, 'index')))
    if (programs) {
      steps.begin('ours', 'PostgreSQL')
      const server = await startPostgres(programs)
      results.push(await ours('ours on PostgreSQL', chain, server.url))
      await server.stop()
    }
    steps.begin('ponder', 'PGlite; it is slow to start, and this takes minutes')
    const peer = await ponder(chain, results[0]?.events ?? 0, (text) => steps.begin('ponder', text))
    steps.done()
    if (peer) results.push(peer)
    else say('Ponder could not be installed or did not finish; there is no peer in this run.')
    const baseline = peer ? peer.events / peer.seconds : undefined
    say(
      table(
        ['indexer', 'events', 'seconds', 'events/s', 'to Ponder'],
        results.map(({ name, seconds, events }) => [
          name,
          String(events),
          seconds.toFixed(2),
          (events / seconds).toFixed(0),
          baseline === undefined ? '' : times(events / seconds, baseline),
        ]),
        ['events', 'seconds', 'events/s', 'to Ponder'],
      ),
    )
    say(
      `${LEASES} leases opened and half of them closed, in ${blocks} blocks; from process start to the last event in the database`,
    )
  } finally {
    await chain.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Opens leases and closes every other one, in batches of transactions. */
async function fill(chain: DevelopmentChain, tell: (done: number) => void): Promise<number> {
  const tenant = chain.wallet(4)
  const governance = chain.wallet(0)
  const { network } = chain
  const { market } = network.contracts
  const usdc = network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? market
  const key = privateKeyToAccount(generatePrivateKey())
  await registerWorker(chain.wallet(1), key, {
    cpuMilli: 1000,
    memoryMiB: 1024,
    diskMiB: 1024,
    gpus: 0,
    gpuClass: '',
    endpoint: 'http://127.0.0.1:1',
  })
  await coverWorker(chain.wallet(1), await chain.root.manufacture(), key)
  await governance.wallet.writeContract({
    address: usdc,
    abi: parseAbi(['function mint(address,uint256)']),
    functionName: 'mint',
    args: [tenant.account.address, 10n ** 15n],
  })
  const approved = await tenant.wallet.writeContract({
    address: usdc,
    abi: erc20Abi,
    functionName: 'approve',
    args: [market, maxUint256],
  })
  await tenant.client.waitForTransactionReceipt({ hash: approved })
  const rpc = (method: string, ...params: unknown[]) => tenant.client.request({ method, params } as never)
  await rpc('anvil_impersonateAccount', tenant.account.address)
  const send = async (calls: Hex[]) => {
    // One after another: anvil gives nonces itself, and takes longer over many at once.
    for (const data of calls)
      await rpc('eth_sendTransaction', { from: tenant.account.address, to: market, data, gas: '0x493e0' })
  }
  await rpc('evm_setAutomine', false)
  const expiry = Number((await tenant.client.getBlock()).timestamp) + 3_000
  let salt = 0n
  for (let done = 0; done < LEASES; done += BATCH) {
    tell(done)
    const ids: Hex[] = []
    const calls: Hex[] = []
    for (let i = 0; i < Math.min(BATCH, LEASES - done); i++) {
      const bid: Bid = {
        tenant: tenant.account.address,
        worker: key.address,
        token: usdc,
        ratePerSecond: 1n,
        minimumDeposit: 0n,
        expiry,
        room: 0n,
        manifestHash: zeroHash,
        order: zeroHash,
        salt: salt++,
      }
      const { signature } = await signBid(network, key, bid)
      ids.push(leaseIdOf(bid, network.chainId, market))
      calls.push(
        encodeFunctionData({
          abi: MARKET_ABI,
          functionName: 'open',
          args: [bid, signature, 1_000n, zeroHash, NO_PERMIT],
        }),
      )
    }
    await send(calls)
    await rpc('evm_mine')
    const closed = ids.filter((_, i) => i % 2 === 0)
    await send(
      closed.map((id) =>
        encodeFunctionData({ abi: MARKET_ABI, functionName: 'close', args: [id, tenant.account.address] }),
      ),
    )
    await rpc('evm_mine')
  }
  await rpc('evm_setAutomine', true)
  return Number(await tenant.client.getBlockNumber())
}

async function ours(
  name: string,
  chain: DevelopmentChain,
  database: string,
): Promise<{ name: string; seconds: number; events: number }> {
  const begun = performance.now()
  const indexer = await startIndexer({
    network: chain.network,
    database,
    host: '127.0.0.1',
    port: 0,
    warn: (message) => say(message),
  })
  try {
    for (;;) {
      const status = (await (await fetch(`${indexer.url}/v1/status`)).json()) as {
        synced: boolean
        events: number
      }
      if (status.synced && status.events > LEASES)
        return { name, seconds: (performance.now() - begun) / 1000, events: status.events }
      await delay(200)
    }
  } finally {
    await indexer.stop()
  }
}

/** Ponder with the same contracts and a table of leases, installed on first use beside the clone's state. */
async function ponder(
  chain: DevelopmentChain,
  events: number,
  tell: (text: string) => void,
): Promise<{ name: string; seconds: number; events: number } | undefined> {
  try {
    mkdirSync(PONDER, { recursive: true })
    cpSync(resolve(import.meta.dirname, 'ponder'), PONDER, { recursive: true })
    if (!existsSync(join(PONDER, 'node_modules/.bin/ponder'))) {
      tell('installing Ponder (once)')
      execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: PONDER,
        stdio: 'ignore',
      })
    }
  } catch {
    return undefined
  }
  await rm(join(PONDER, '.ponder'), { recursive: true, force: true })
  writeFileSync(join(PONDER, 'contracts.json'), JSON.stringify({ market: MARKET_ABI, workers: WORKERS_ABI }))
  const { network } = chain
  const env = {
    ...process.env,
    BENCH_RPC: network.rpcUrl,
    BENCH_MARKET: network.contracts.market,
    BENCH_WORKERS: network.contracts.workers,
    BENCH_START: String(network.deployedAt),
    DATABASE_SCHEMA: 'bench',
    PONDER_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  }
  const begun = performance.now()
  const child = spawn(
    join(PONDER, 'node_modules/.bin/ponder'),
    ['start', '--port', '42069', '--hostname', '127.0.0.1', '--log-level', 'warn'],
    {
      cwd: PONDER,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    },
  )
  let ended = false
  child.once('exit', () => (ended = true))
  try {
    while (performance.now() - begun < PONDER_MS && !ended) {
      // 200 once the backfill is in its database.
      if (
        await fetch('http://127.0.0.1:42069/ready', { signal: AbortSignal.timeout(2_000) }).then(
          (answer) => answer.status === 200,
          () => false,
        )
      )
        return { name: 'Ponder 0.16 on PGlite', seconds: (performance.now() - begun) / 1000, events }
      tell(`${Math.round((performance.now() - begun) / 1000)} s so far`)
      await delay(100)
    }
    return undefined
  } finally {
    if (child.pid !== undefined && !ended) process.kill(-child.pid, 'SIGKILL')
  }
}
