import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

const ROOT = '/usr/lib/postgresql'
const ACCOUNT = 'postgres'

/** Folder of PostgreSQL's programs, or undefined where there is no PostgreSQL. */
export function postgresPrograms(): string | undefined {
  if (!existsSync(ROOT)) return undefined
  const [newest] = readdirSync(ROOT).sort((a, b) => Number(b) - Number(a))
  const programs = join(ROOT, newest ?? '', 'bin')
  return existsSync(join(programs, 'postgres')) ? programs : undefined
}

/**
 * Starts a PostgreSQL server of a test's own, whose first process is `pid`. It refuses to be root, so as root
 * it runs as its own account.
 */
export async function startPostgres(
  programs: string,
): Promise<{ url: string; pid: () => number; restart: () => Promise<void>; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-postgres-'))
  const isRoot = process.getuid?.() === 0
  const ids = isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  if (ids.uid !== undefined && ids.gid !== undefined) chownSync(folder, ids.uid, ids.gid)
  const data = join(folder, 'data')
  execFileSync(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', 'cloister', '--auth', 'trust', '--no-sync'],
    { ...ids, cwd: folder, stdio: 'ignore' },
  )
  const port = await freePort()
  const url = `postgres://cloister@127.0.0.1:${port}/postgres`
  const serve = async () => {
    const child = spawn(
      join(programs, 'postgres'),
      ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-F'],
      {
        ...ids,
        cwd: folder,
        stdio: 'ignore',
      },
    )
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    await answering(url)
    const end = async () => {
      child.kill('SIGINT')
      await ended
    }
    return { pid: child.pid ?? 0, end }
  }
  let server = await serve()
  return {
    url,
    pid: () => server.pid,
    restart: async () => {
      await server.end()
      server = await serve()
    },
    stop: async () => {
      await server.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answering(url: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const client = new pg.Client({ connectionString: url })
    const up = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => {})
    if (up) return
    if (attempt > 100) throw new Error('PostgreSQL does not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, ACCOUNT], { encoding: 'utf8' }))
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
