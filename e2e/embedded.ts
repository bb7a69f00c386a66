import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type EmbeddedNetwork, startNetwork } from '@cloister/devnet'
import { placesOf } from '../packages/executors/src/sandbox/places.ts'

const COMMAND = resolve(import.meta.dirname, '../apps/cli/src/main.mjs')

const SEARCH = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']

/**
 * Whether this machine has the sandbox's programs, without which nothing is deployed here. `npm test` says
 * what it left out.
 */
export const canDeploy = ['runc', 'conmon'].every((program) =>
  SEARCH.some((folder) => existsSync(join(folder, program))),
)

/** An embedded network of a test's own, and the command line to talk to it. */
export interface Stage {
  embedded: EmbeddedNetwork
  folder: string
  /** Runs `cloister …`; never throws. */
  cloister(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }>
  /** Runs `cloister … --json` and reads its answer. Throws what it printed where it fails. */
  json(...words: string[]): Promise<Json>
  end(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: what a program prints is looked at field by field
export type Json = any

export async function raiseStage({ keys = false } = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-e2e-'))
  const state = join(folder, 'state')
  const embedded = await startNetwork({ folder: state, fresh: false, freePorts: true, withoutKeys: !keys })
  return {
    embedded,
    folder,
    ...commandLine(join(state, 'network.json'), folder),
    end: async () => {
      await embedded.stop()
      await untilGone(folder)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What the command line is run with against one network, with wallets in a folder of the test's own. */
export function environmentOf(network: string, home: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CLOISTER_NETWORK: network,
    CLOISTER_HOME: home,
    CLOISTER_PASSWORD: 'a password for tests',
    NO_COLOR: '1',
  }
}

/** The command line against one network. `more`: what it finds in its environment beside the usual. */
export function commandLine(
  network: string,
  home: string,
  more: NodeJS.ProcessEnv = {},
): Pick<Stage, 'cloister' | 'json'> {
  const cloister = (...words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
      const env = { ...environmentOf(network, home), ...more }
      execFile(
        process.execPath,
        [COMMAND, ...words],
        { env, cwd: home, maxBuffer: 32 * 1024 * 1024 },
        (error, stdout, stderr) => done({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      )
    })
  return {
    cloister,
    json: async (...words) => {
      const flag = words.includes('--')
        ? [...words.slice(0, words.indexOf('--')), '--json', ...words.slice(words.indexOf('--'))]
        : [...words, '--json']
      const { code, stdout, stderr } = await cloister(...flag)
      if (code !== 0) throw new Error(`cloister ${words.join(' ')}: ${stdout}${stderr}`)
      return JSON.parse(stdout)
    },
  }
}

/** Waits until `check` gives something other than undefined or false; what it throws counts as not yet. */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  ms = 60_000,
): Promise<T> {
  const end = Date.now() + ms
  let last: unknown
  for (;;) {
    try {
      const found = await check()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`, { cause: last })
    await delay(100)
  }
}

/** A port that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Kills a daemon as a crash would, and waits until another process has its place. */
export async function crash(embedded: EmbeddedNetwork, name: string): Promise<void> {
  const daemon = embedded.daemons.get(name)
  const pid = daemon?.pid
  if (!daemon || pid === undefined) throw new Error(`${name} does not run`)
  process.kill(pid, 'SIGKILL')
  await until(`${name} is started again`, async () => daemon.pid !== pid && daemon.isUp())
}

/** Waits until no process has a text in its command line; throws with those that are left. */
export async function untilGone(text: string): Promise<void> {
  await until('no process is left behind', async () => processesWith(text).length === 0, 5_000).catch(() => {
    throw new Error(`processes are left behind:\n${processesWith(text).join('\n')}`)
  })
}

/**
 * Ids of the processes that run for a lease in a sandbox below `folder`: by their control groups and command
 * lines.
 */
export function processesOf(folder: string, lease: string): number[] {
  const keys = sandboxesBelow(folder).map((sandbox) => placesOf(sandbox, lease).key)
  const own = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter(
      (pid) =>
        /^\d+$/.test(pid) &&
        keys.some((key) => own(pid, 'cgroup').includes(key) || own(pid, 'cmdline').includes(key)),
    )
    .map(Number)
}

/** Folders of sandboxes, as workers name them. */
function sandboxesBelow(folder: string, depth = 4): string[] {
  if (depth === 0) return []
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.flatMap(({ name }) =>
    name === 'sandbox' ? [join(folder, name)] : sandboxesBelow(join(folder, name), depth - 1),
  )
}

/** Processes of this machine whose command line has a text in it. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes(text))
}
