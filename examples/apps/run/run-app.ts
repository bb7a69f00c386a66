import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type App, type Check, until } from './app.ts'
import type { CommandLine } from './command-line.ts'
import { closeWithMoney, readBalance } from './money.ts'
import type { AppNetwork } from './network.ts'
import { lackOfSwarm } from './swarm-limits.ts'

const REQUESTS = 200
const AT_ONCE = 8

/** How an app did; times in seconds. */
export interface Result {
  name: string
  deployed: number
  used: number
  updated: number | undefined
  /** Requests a second, of which none failed. */
  requests: number | undefined
  /** Base units of USDC. */
  spent: bigint
  /** Containers on each machine, where the worker has several. */
  spread: number[] | undefined
  problem: string | undefined
  /** Why it was not run: what it asks for isn't there by design. */
  skipped: string | undefined
}

/** What an app is run with. */
export interface RunOptions {
  line: CommandLine
  network: AppNetwork
  /** An app that does not run stays open, to look into. */
  isKept: boolean
}

/**
 * Deploys an app, uses it, updates it, looks for its data, puts some load on it and closes it. Never throws.
 */
export async function runApp(
  folder: string,
  name: string,
  { line, network, isKept }: RunOptions,
): Promise<Result> {
  const result: Result = {
    name,
    deployed: Number.NaN,
    used: Number.NaN,
    updated: undefined,
    requests: undefined,
    spent: 0n,
    spread: undefined,
    problem: undefined,
    skipped: undefined,
  }
  const file = join(folder, name, 'compose.yaml')
  const lease = `app-${name}`
  const timed = async (work: () => Promise<unknown>) => {
    const began = performance.now()
    await work()
    return (performance.now() - began) / 1000
  }
  let isOpen = false
  try {
    if (network.spread) {
      const { manifest } = await line.json('manifest', file)
      result.skipped = lackOfSwarm(manifest)
      if (result.skipped !== undefined) return result
    }
    const { check } = (await import(join(folder, name, 'check.ts'))) as { check: Check }
    const before = await readBalance(line)
    const began = performance.now()
    const kept = isKept ? ['--keep'] : []
    const where = network.worker === undefined ? [] : ['--provider', network.worker]
    const words = ['--for', '1h', '--name', lease, '--yes', ...where, ...kept]
    const deployed = await line.json('deploy', file, ...words)
    isOpen = true
    result.deployed = (performance.now() - began) / 1000
    result.spread = network.spread?.()
    const app = await openApp(lease, line)
    result.used = await timed(() => check.use(app))
    if (readFileSync(file, 'utf8').includes('REVISION')) {
      result.updated = await timed(() => line.json('update', lease, file, { REVISION: '2' }))
      if (check.kept) await check.kept(await openApp(lease, line))
    }
    if (check.load !== undefined) result.requests = await putLoad(`${app.url()}${check.load}`)
    result.spent = await closeWithMoney(deployed, before, line, network.file)
    isOpen = false
  } catch (error) {
    result.problem = String(error instanceof Error ? (error.cause ?? error) : error).slice(0, 600)
    if (error instanceof Error && error.cause) result.problem = `${error.message}: ${result.problem}`
  } finally {
    if (isOpen && !isKept) await line.json('close', lease).catch(() => {})
  }
  return result
}

async function openApp(name: string, line: CommandLine): Promise<App> {
  const { routes } = await line.json('status', name)
  const routeOf = (service: string | undefined, port: number | undefined) => {
    // biome-ignore lint/suspicious/noExplicitAny: what a program prints is looked at field by field
    const found = routes.find((route: any) =>
      port === undefined
        ? route.protocol === 'http' && (service === undefined || route.service === service)
        : route.service === service && route.port === port,
    )
    if (!found) throw new Error(`no address of ${service} ${port ?? ''} among ${JSON.stringify(routes)}`)
    return found
  }
  return {
    name,
    url: (service) => {
      const { loopbackUrl, url } = routeOf(service, undefined)
      return (loopbackUrl ?? url).replace(/\/$/, '')
    },
    place: (service, port) => {
      const { hostname, port: outside } = new URL(routeOf(service, port).url)
      return { host: hostname, port: Number(outside) }
    },
    exec: (service, ...argv) => line.text('exec', name, '--service', service, '--', ...argv),
    json: (...words) => line.json(...words),
  }
}

/** Asks for an address many times, several at once. Throws where an answer isn't good. */
async function putLoad(url: string): Promise<number> {
  await until('it answers', async () => (await fetch(url)).ok, 20)
  const began = performance.now()
  let left = REQUESTS
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        const answer = await fetch(url, { signal: AbortSignal.timeout(20_000) })
        const text = await answer.text()
        if (!answer.ok) throw new Error(`under load, ${url} answers ${answer.status}: ${text.slice(0, 200)}`)
      }
    }),
  )
  return REQUESTS / ((performance.now() - began) / 1000)
}

/** Names of the apps that are here. */
export function isApp(folder: string, name: string): boolean {
  return existsSync(join(folder, name, 'check.ts'))
}
