import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import { postgresPrograms, startPostgres } from '@cloister/development/postgres'
import { say, table } from '@cloister/terminal'
import { type Address, type Hex, numberToHex } from 'viem'
import { indexApi } from '../packages/indexer/src/api/app.ts'
import { CHAPTERS } from '../packages/indexer/src/chapters/index.ts'
import { openDatabase } from '../packages/indexer/src/database/open.ts'
import type { ChainEvent } from '../packages/indexer/src/engine/contract.ts'
import { Plan } from '../packages/indexer/src/engine/plan.ts'
import { writeSpan } from '../packages/indexer/src/engine/write.ts'

const LEASES = Number(process.env['CLOISTER_INDEX_LEASES'] ?? 100_000)
const LEASES_A_SPAN = 1_000
const WORKERS = 100
const PROVIDERS = 20
const TENANTS = 1_000
const ROUNDS = 100
const AIM_MS = 20
const START = 1_700_000_000

const address = (kind: number, index: number): Address =>
  numberToHex(BigInt(kind) * 2n ** 64n + BigInt(index) + 1n, { size: 20 })
const word = (kind: number, index: number): Hex =>
  numberToHex(BigInt(kind) * 2n ** 200n + BigInt(index) * 2n ** 190n + BigInt(index) + 1n, { size: 32 })
const TOKEN = address(9, 0)
const NETWORK = {
  chainId: 1,
  contracts: { market: address(8, 0) },
  tokens: [],
  attestation: {},
  emissionStart: START,
} as unknown as Network

/** How long questions take of an index that knows 100,000 leases, and what writing them takes. */
export async function benchIndexerSize(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  const programs = postgresPrograms()
  const server = programs === undefined ? undefined : await startPostgres(programs)
  try {
    const results = [await measure(join(folder, 'index'))]
    if (server) results.push(await measure(server.url))
    say(
      table(
        ['question', 'PGlite p50', 'p99', 'PostgreSQL p50', 'p99', 'aim'],
        QUESTIONS.map((question, index) => [
          question(0),
          ...results.flatMap(({ asked }) => (asked[index] ?? []).map((ms) => ms.toFixed(1))),
          ...(results.length < 2 ? ['', ''] : []),
          String(AIM_MS),
        ]),
        ['PGlite p50', 'p99', 'PostgreSQL p50', 'aim'],
      ),
    )
    for (const [index, { seconds, cpuSeconds, events, rss }] of results.entries())
      say(
        `${index === 0 ? 'PGlite' : 'PostgreSQL'}: ${events} events of ${LEASES} leases written in ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of this process; resident memory after each tenth of them: ${rss.join(', ')} MiB`,
      )
  } finally {
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const QUESTIONS: ((round: number) => string)[] = [
  () => '/v1/leases',
  (round) => `/v1/leases?tenant=${address(1, round % TENANTS)}`,
  (round) => `/v1/leases?tenant=${address(1, round % TENANTS)}&open=true`,
  (round) => `/v1/leases?worker=${address(2, round % WORKERS)}&open=true&limit=200`,
  (round) => `/v1/leases?provider=${address(3, round % PROVIDERS)}`,
  () => '/v1/leases?open=true',
  () => '/v1/leases?open=false&limit=200',
  () => `/v1/leases?token=${address(9, 1)}`,
  (round) => `/v1/leases?wishedName=app-${round}`,
  (round) => `/v1/leases/app-${round}`,
  (round) => `/v1/leases/${word(4, round)}`,
  () => '/v1/workers',
  () => '/v1/workers?covered=true',
  () => '/v1/providers',
  () => '/v1/payments',
  (round) => `/v1/payments?lease=${word(4, round)}`,
  (round) => `/v1/payments?account=${address(1, round % TENANTS)}`,
  (round) => `/v1/payments?account=${address(3, round % PROVIDERS)}&kind=fee`,
  () => '/v1/payments?kind=withdrawal',
  () => `/v1/payments?token=${address(9, 1)}`,
  () => '/v1/events?limit=200',
  (round) => `/v1/events?lease=${word(4, round)}`,
  (round) => `/v1/events?worker=${address(2, round % WORKERS)}`,
  () => '/v1/events?name=WorkerRegistered',
  () => '/v1/events?name=Slashed',
  () => '/v1/pools',
  () => '/v1/delegations',
  () => '/v1/exits',
  () => '/v1/epochs',
  () => '/v1/rewards',
  () => '/v1/slashes',
  () => '/v1/governance',
  () => '/v1/totals',
  () => '/v1/status',
]

async function measure(
  location: string,
): Promise<{ asked: number[][]; seconds: number; cpuSeconds: number; events: number; rss: number[] }> {
  const plan = new Plan(CHAPTERS, NETWORK)
  const { database, close } = await openDatabase(location)
  try {
    const begun = performance.now()
    const cpu = process.cpuUsage()
    const rss: number[] = []
    let [block, events] = [0, 0]
    const write = async (made: Omit<ChainEvent, 'block' | 'logIndex' | 'time' | 'transaction'>[]) => {
      block++
      const place = { block, time: START + block, transaction: word(5, block) }
      const span = made.map((event, logIndex): ChainEvent => ({ ...event, ...place, logIndex }))
      await writeSpan(database, plan, span, [{ block, hash: word(6, block) }], 0)
      events += span.length
    }
    await write(Array.from({ length: WORKERS }, (_, index) => registered(index)))
    for (let from = 0; from < LEASES; from += LEASES_A_SPAN) {
      const ids = Array.from({ length: Math.min(LEASES_A_SPAN, LEASES - from) }, (_, i) => from + i)
      await write([...ids.map(opened), ...ids.filter((id) => id % 2 === 0).flatMap(closed)])
      if ((from / LEASES_A_SPAN) % Math.ceil(LEASES / LEASES_A_SPAN / 10) === 0)
        rss.push(Math.round(process.memoryUsage.rss() / 1024 ** 2))
    }
    const seconds = (performance.now() - begun) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const cpuSeconds = (user + system) / 1e6
    const api = indexApi(
      CHAPTERS.flatMap(({ routes }) => routes),
      { database, network: NETWORK, plan, follower: { head: block } as never, now: () => START + block },
      say,
    )
    const asked: number[][] = []
    for (const question of QUESTIONS) {
      const times: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const path = question(round)
        const from = performance.now()
        const answer = await api.request(path)
        await answer.text()
        if (!answer.ok && answer.status !== 404) throw new Error(`${path} answered ${answer.status}`)
        times.push(performance.now() - from)
      }
      times.sort((a, b) => a - b)
      asked.push([times[Math.floor(ROUNDS / 2)] ?? 0, times[Math.ceil(ROUNDS * 0.99) - 1] ?? 0])
    }
    return { asked, seconds, cpuSeconds, events, rss }
  } finally {
    await close()
  }
}

const registered = (index: number) => ({
  contract: 'workers',
  name: 'WorkerRegistered',
  args: {
    worker: address(2, index),
    provider: address(3, index % PROVIDERS),
    description: {
      cpuMilli: 1_000,
      memoryMiB: 1_024,
      diskMiB: 1_024,
      gpus: 0,
      gpuClass: `0x${'00'.repeat(32)}`,
      endpoint: 'https://worker.example',
    },
  },
})

const opened = (index: number) => ({
  contract: 'market',
  name: 'LeaseOpened',
  args: {
    id: word(4, index),
    tenant: address(1, index % TENANTS),
    worker: address(2, index % WORKERS),
    provider: address(3, (index % WORKERS) % PROVIDERS),
    token: TOKEN,
    ratePerSecond: 10n,
    deposit: 100_000n,
    feeBps: 2_000n,
    manifestHash: word(7, index),
    noticeMinutes: 0,
    name: `0x${Buffer.from(`app-${index}`).toString('hex').padEnd(64, '0')}`,
  },
})

const closed = (index: number) => [
  {
    contract: 'market',
    name: 'LeaseSettled',
    args: { id: word(4, index), coveredSeconds: 60n, amount: 600n, fee: 120n },
  },
  {
    contract: 'market',
    name: 'LeaseClosed',
    args: { id: word(4, index), by: address(1, index % TENANTS), refund: 99_400n },
  },
]
