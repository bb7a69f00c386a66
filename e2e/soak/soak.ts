import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectChain, getLease, getTokenBalance, MARKET_ABI } from '@cloister/chain'
import type { Hex } from 'viem'
import { type Json, processesOf, raiseStage, type Stage, until } from '../embedded.ts'

const HELLO = resolve(import.meta.dirname, '../../examples/hello/compose.yaml')
const ACTS = ['deploy', 'update', 'exec', 'close'] as const
/** Daemons by their names; `engine` is the chain's anvil, `keeper` any process that belongs to a lease. */
const VICTIMS = ['chain', 'engine', 'oak', 'indexer', 'gateway', 'keeper', 'elm', 'ash'] as const
const LONGEST_WAIT_MS = 1_500
const SETTLE_MS = 120_000

/** One kill and what came of it. */
export interface Round {
  number: number
  act: (typeof ACTS)[number]
  victim: (typeof VICTIMS)[number]
  /** Into the act, milliseconds. */
  afterMs: number
  /** How the command ended: 0, or its code. What it couldn't do has to be undone or finished. */
  exitCode: number
  /** From the kill until everything answers again, milliseconds. */
  healedMs: number
}

/** What was found in the end. All but `rounds` and `leases` have to be 0, or empty. */
export interface Findings {
  rounds: number
  leases: number
  /** Processes of closed leases: state and command line. */
  orphans: string[]
  doubled: number
  lost: number
  billedWrongly: number
  /** Base units that the Market holds and owes nobody, or the other way round, over all tokens. */
  escrowOff: bigint
}

/**
 * Kills a daemon or a lease's process at a random moment of a command, `kills` times over, and looks at what
 * is left. The seed decides all that is random.
 */
export async function soak({
  kills,
  seed,
  onRound,
}: {
  kills: number
  seed: number
  onRound: (round: Round) => void
}): Promise<Findings> {
  const random = randomFrom(seed)
  const stage = await raiseStage()
  try {
    const { network } = stage.embedded
    const chain = connectChain(network)
    const from = BigInt(network.deployedAt)
    const opened = async () =>
      (
        await chain.client.getContractEvents({
          address: network.contracts.market,
          abi: MARKET_ABI,
          eventName: 'LeaseOpened',
          fromBlock: from,
        })
      ).map(({ args }) => args.id as Hex)
    const others = new Set(await opened())
    const mine = async () => (await opened()).filter((id) => !others.has(id))
    let lease: Json = await stage.json('deploy', HELLO, '--for', '2h', '--yes')
    let doubled = 0
    for (let number = 1; number <= kills; number++) {
      const act = ACTS[(number - 1) % ACTS.length] ?? 'deploy'
      const victim =
        VICTIMS[Math.floor((number - 1) / ACTS.length + (number - 1)) % VICTIMS.length] ?? 'chain'
      const known = await mine()
      const acting = perform(stage, act, lease.lease)
      const afterMs = Math.floor(random() * LONGEST_WAIT_MS)
      await delay(afterMs)
      const killed = performance.now()
      await kill(stage, victim, lease.lease)
      const { code, stdout } = await acting
      await healthy(stage)
      const now = await mine()
      const fresh = now.filter((id) => !known.includes(id))
      if (fresh.length > (act === 'deploy' ? 1 : 0)) doubled++
      if (act === 'deploy' && fresh[0]) {
        // One that failed after its lease was open leaves it to be seen and closed.
        if (code !== 0) await shut(stage, fresh[0])
        else {
          await shut(stage, lease.lease)
          lease = JSON.parse(stdout)
        }
      }
      if (act === 'close') {
        await shut(stage, lease.lease)
        lease = await until(
          'another is deployed',
          () => stage.json('deploy', HELLO, '--for', '2h', '--yes'),
          SETTLE_MS,
        )
      }
      await until(
        'its service answers',
        async () => (await fetch(lease.url.web, { signal: AbortSignal.timeout(2_000) })).ok,
        SETTLE_MS,
      )
      onRound({ number, act, victim, afterMs, exitCode: code, healedMs: performance.now() - killed })
    }
    await shut(stage, lease.lease)
    const leases = await mine()
    // What still cleans up after them ends by itself.
    let orphans: string[] = []
    await until(
      'nothing of closed leases runs',
      async () => {
        orphans = leases.flatMap((id) => processesOf(stage.folder, id)).map(lookOf)
        return orphans.length === 0
      },
      SETTLE_MS,
    ).catch(() => {})
    return { rounds: kills, leases: leases.length, orphans, doubled, ...(await account(stage, leases)) }
  } finally {
    await stage.end()
  }
}

/** What a process is doing, for people. */
function lookOf(pid: number): string {
  const read = (file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'latin1').replaceAll('\0', ' ').trim()
    } catch {
      return 'gone'
    }
  }
  const state = read('stat').replace(/^.*\) (\S+ \d+).*$/, '$1')
  return `${pid} ${state} ${read('comm')}: ${read('cmdline')} in ${read('cgroup').split('\n').at(-1)} at ${read('wchan')}`
}

/** Does one act by the command line. */
async function perform(
  stage: Stage,
  act: Round['act'],
  lease: string,
): Promise<{ code: number; stdout: string }> {
  if (act === 'deploy') return stage.cloister('deploy', HELLO, '--for', '2h', '--yes', '--json')
  if (act === 'exec') return stage.cloister('exec', lease, '--', 'sh', '-c', 'echo here')
  if (act === 'close') return stage.cloister('close', lease, '--json')
  const path = join(stage.folder, 'soak.yaml')
  await writeFile(path, readFileSync(HELLO, 'utf8').replace('Hello from a lease', `Edition ${Math.random()}`))
  return stage.cloister('update', lease, path)
}

async function kill(stage: Stage, victim: Round['victim'], lease: string): Promise<void> {
  const engine = () =>
    readdirSync(join(stage.folder, 'state/chain')).flatMap(
      (name) => /^engine-(\d+)\.pid$/.exec(name)?.[1] ?? [],
    )
  const pids =
    victim === 'engine'
      ? engine().map(Number)
      : victim === 'keeper'
        ? processesOf(stage.folder, lease)
        : [stage.embedded.daemons.get(victim)?.pid ?? 0]
  const [pid = 0] = pids
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself between two looks.
  }
}

/** Waits until every daemon answers again. */
async function healthy(stage: Stage): Promise<void> {
  for (const [name, daemon] of stage.embedded.daemons)
    await until(
      `${name} answers`,
      async () => daemon.pid !== undefined && existsSync(`/proc/${daemon.pid}`) && (await daemon.isUp()),
      SETTLE_MS,
    )
  await connectChain(stage.embedded.network).client.getBlockNumber()
}

/** Closes a lease, as often as it takes. */
async function shut(stage: Stage, lease: string): Promise<void> {
  const chain = connectChain(stage.embedded.network)
  await until(
    'the lease is closed',
    async () => {
      if ((await getLease(chain, lease as Hex)).state !== 'open') return true
      await stage.cloister('close', lease, '--json')
      return (await getLease(chain, lease as Hex)).state !== 'open'
    },
    SETTLE_MS,
  )
}

/**
 * Looks at the money: each lease billed for covered seconds of its life alone, and the Market holding what
 * it owes.
 */
async function account(
  stage: Stage,
  leases: Hex[],
): Promise<Pick<Findings, 'lost' | 'billedWrongly' | 'escrowOff'>> {
  const { network } = stage.embedded
  const chain = connectChain(network)
  const logs = await chain.client.getContractEvents({
    address: network.contracts.market,
    abi: MARKET_ABI,
    fromBlock: BigInt(network.deployedAt),
    strict: true,
  })
  let lost = 0
  let billedWrongly = 0
  const times = async (block: bigint) =>
    Number((await chain.client.getBlock({ blockNumber: block })).timestamp)
  for (const id of leases) {
    const about = logs.filter(({ args }) => (args as { id?: Hex }).id === id)
    const begun = about.find(({ eventName }) => eventName === 'LeaseOpened')
    const ended = about.filter(({ eventName }) => eventName === 'LeaseClosed' || eventName === 'LeaseRefused')
    const indexed = await until(
      'the index knows the lease',
      async () => (await (await fetch(`${network.indexerUrl}/v1/leases/${id}`)).json()) as Json,
    ).catch(() => undefined)
    if (!begun || ended.length !== 1 || indexed?.state !== 'closed') {
      lost++
      continue
    }
    const settled = about
      .filter(({ eventName }) => eventName === 'LeaseSettled')
      .map(({ args }) => args as { coveredSeconds: bigint; amount: bigint })
    const { ratePerSecond, deposit } = begun.args as { ratePerSecond: bigint; deposit: bigint }
    const seconds = settled.reduce((sum, one) => sum + one.coveredSeconds, 0n)
    const spent = settled.reduce((sum, one) => sum + one.amount, 0n)
    const refund = (ended[0]?.args as { refund: bigint } | undefined)?.refund ?? 0n
    const life = BigInt((await times(ended[0]?.blockNumber ?? 0n)) - (await times(begun.blockNumber)))
    if (
      seconds > life ||
      spent !== seconds * ratePerSecond ||
      spent + refund !== deposit ||
      BigInt(indexed.spent) !== spent
    )
      billedWrongly++
  }
  let escrowOff = 0n
  for (const { address } of network.tokens) {
    const tokenOf = new Map(
      logs.flatMap(({ eventName, args }) =>
        eventName === 'LeaseOpened' ? [[args.id, args.token] as const] : [],
      ),
    )
    let owed = 0n
    for (const { eventName, args } of logs) {
      const token =
        eventName === 'Withdrawn' || eventName === 'FeesCollected'
          ? args.token
          : tokenOf.get((args as { id: Hex }).id)
      if (token !== address) continue
      if (eventName === 'LeaseOpened') owed += args.deposit
      else if (eventName === 'LeaseToppedUp') owed += args.amount
      else if (eventName === 'LeaseClosed' || eventName === 'LeaseRefused') owed -= args.refund
      else if (eventName === 'Withdrawn' || eventName === 'FeesCollected') owed -= args.amount
    }
    const off = (await getTokenBalance(chain, address, network.contracts.market)) - owed
    escrowOff += off < 0n ? -off : off
  }
  return { lost, billedWrongly, escrowOff }
}

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
