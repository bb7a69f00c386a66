import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Network } from '@cloister/chain'
import { IndexStatus } from '@cloister/core'
import { packedProgram } from '@cloister/packed'
import { type Backfill, cpuSeconds } from './backfill.ts'

const PROGRAM = resolve(import.meta.dirname, '../../packages/indexer/src/main.ts')
const LOOKED_AT_EVERY_MS = 100

/**
 * Our indexer as a process of its own, from its start to `events` events in the database. `server` is the
 * process of a database beside it.
 */
export async function backfillOurs(
  name: string,
  {
    network,
    folder,
    database,
    server,
  }: { network: Network; folder: string; database: string; server?: number },
  isDone: (events: number) => boolean,
): Promise<Backfill> {
  const file = join(folder, 'network.json')
  writeFileSync(file, JSON.stringify(network))
  const before = server === undefined ? 0 : cpuSeconds(server)
  const begun = performance.now()
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      packedProgram(PROGRAM),
      ...['--network', file, '--database', database, '--port', '0', '--drain', '1'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'exit')
  try {
    let url: string | undefined
    for await (const line of createInterface(child.stdout)) {
      url = /http:\/\/[\d.:]+/.exec(line)?.[0]
      if (url !== undefined) break
    }
    for (;;) {
      const status = await statusOf(url)
      if (status?.synced && isDone(status.events)) {
        const seconds = (performance.now() - begun) / 1000
        const own = cpuSeconds(child.pid ?? 0)
        const beside = server === undefined ? 0 : cpuSeconds(server) - before
        return { name, seconds, events: status.events, cpuSeconds: own + beside }
      }
      if (child.exitCode !== null) throw new Error('The indexer has ended.')
      await delay(LOOKED_AT_EVERY_MS)
    }
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

/** How far it is; undefined where it doesn't answer, as when it is too busy to keep a connection. */
async function statusOf(url: string | undefined): Promise<IndexStatus | undefined> {
  try {
    return IndexStatus.parse(await (await fetch(`${url}/v1/status`)).json())
  } catch {
    return undefined
  }
}
