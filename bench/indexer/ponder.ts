import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MARKET_ABI, type Network, WORKERS_ABI } from '@cloister/chain'
import { type Backfill, cpuSeconds } from './backfill.ts'

const FOLDER = resolve(import.meta.dirname, '../../.cloister/bench/ponder')
const PATIENCE_MS = 15 * 60_000
const ORIGIN = 'http://127.0.0.1:42069'

/** Installs Ponder on first use, beside the clone's state. Returns whether it is there. */
export function installPonder(tell: (text: string) => void): boolean {
  try {
    mkdirSync(FOLDER, { recursive: true })
    cpSync(resolve(import.meta.dirname, '../ponder'), FOLDER, { recursive: true })
    if (existsSync(join(FOLDER, 'node_modules/.bin/ponder'))) return true
    tell('installing Ponder (once)')
    const words = ['install', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', words, { cwd: FOLDER, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * Ponder with the same contracts and a table of leases, on PGlite, or on the PostgreSQL of `url` and process
 * `server`. Undefined where it ends or isn't ready in a quarter of an hour.
 */
export async function backfillPonder(
  name: string,
  {
    network,
    events,
    database,
  }: { network: Network; events: number; database?: { url: string; server: number } },
  tell: (text: string) => void,
): Promise<Backfill | undefined> {
  await rm(join(FOLDER, '.ponder'), { recursive: true, force: true })
  writeFileSync(join(FOLDER, 'contracts.json'), JSON.stringify({ market: MARKET_ABI, workers: WORKERS_ABI }))
  const before = database ? cpuSeconds(database.server) : 0
  const begun = performance.now()
  const child = spawn(
    join(FOLDER, 'node_modules/.bin/ponder'),
    ['start', '--port', '42069', '--hostname', '127.0.0.1', '--log-level', 'warn'],
    {
      cwd: FOLDER,
      env: {
        ...process.env,
        BENCH_RPC: network.rpcUrl,
        BENCH_MARKET: network.contracts.market,
        BENCH_WORKERS: network.contracts.workers,
        BENCH_START: String(network.deployedAt),
        DATABASE_SCHEMA: 'bench',
        PONDER_TELEMETRY_DISABLED: '1',
        DO_NOT_TRACK: '1',
        ...(database && { BENCH_DATABASE: database.url }),
      },
      stdio: 'ignore',
      detached: true,
    },
  )
  let hasEnded = false
  child.once('exit', () => (hasEnded = true))
  try {
    while (performance.now() - begun < PATIENCE_MS && !hasEnded) {
      if (await isReady()) {
        const seconds = (performance.now() - begun) / 1000
        const beside = database ? cpuSeconds(database.server) - before : 0
        return { name, seconds, events, cpuSeconds: cpuSeconds(child.pid ?? 0) + beside }
      }
      tell(`${Math.round((performance.now() - begun) / 1000)} s so far`)
      await delay(100)
    }
    return undefined
  } finally {
    if (child.pid !== undefined && !hasEnded) process.kill(-child.pid, 'SIGKILL')
  }
}

/** 200 once the backfill is in its database. */
function isReady(): Promise<boolean> {
  return fetch(`${ORIGIN}/ready`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ status }) => status === 200,
    () => false,
  )
}
