import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { startDocker, type TestEngine } from '@cloister/development/engines'
import { readExposition } from '../../e2e/exposition.ts'

const OPS = join(import.meta.dirname, '..')
const ROOT = join(OPS, '..')
const FILES = ['compose.yaml', 'compose.agent.yaml']
const PATIENCE_MS = 90_000
const POLL_MS = 500

/** An engine, a chain and a folder that are there for one try, and what is asked of them. */
export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'cloister-ops-'))
  /** What Compose files read. */
  readonly environment: NodeJS.ProcessEnv
  readonly engine: TestEngine
  readonly chain: DevelopmentChain
  readonly composer =
    spawnSync('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] : ['docker-compose']
  private readonly began = Date.now()
  private readonly tables = new Set(filterTables())
  private readonly signal: AbortSignal

  private constructor(engine: TestEngine, chain: DevelopmentChain, signal: AbortSignal) {
    this.engine = engine
    this.chain = chain
    this.signal = signal
    this.environment = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socketPath}`,
      DOCKER_BUILDKIT: '0',
      COMPOSE_DOCKER_CLI_BUILD: '0',
    }
  }

  /** Starts both. What is run on the stage ends when `signal` says so, but for `clear`. */
  static async raise(signal: AbortSignal): Promise<Stage> {
    // Ctrl-C reaches all of a terminal's processes; the engine has to be there to clear with.
    const engine = await startDocker({ isDetached: true })
    try {
      return new Stage(engine, await startDevelopmentChain(), signal)
    } catch (error) {
      await engine.stop()
      throw error
    }
  }

  say(text: string): void {
    console.log(`${((Date.now() - this.began) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  }

  /** Runs a program and returns what it prints. Meanwhile this process leads containers to the chain. */
  readonly run = (program: string, words: string[]) => this.execute(program, words, this.signal)
  readonly docker = (words: string[]) => this.run('docker', words)
  readonly compose = (file: string, words: string[]) => this.run(...this.composed(file, words))

  async healthy(file: string, service: string): Promise<void> {
    const end = Date.now() + PATIENCE_MS
    for (;;) {
      const state = await this.inspect(file, service, '{{.State.Status}} {{.State.Health.Status}}')
      if (state === 'running healthy') return
      if (Date.now() > end || state.startsWith('exited'))
        throw new Error(
          `${service} is ${state}:\n${await this.compose(file, ['logs', '--tail', '40', service])}`,
        )
      await this.pause()
    }
  }

  /** A sample of a scrape, which has to be one through and through. */
  async metric(file: string, service: string, port: number, name: string): Promise<number> {
    const script = `fetch('http://127.0.0.1:${port}/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))`
    const text = await this.docker(['exec', await this.idOf(file, service), 'node', '-e', script])
    readExposition(text)
    const line = text.split('\n').find((one) => one.startsWith(`${name} `))
    if (line === undefined) throw new Error(`${service} has no ${name}.`)
    return Number(line.slice(name.length))
  }

  /** SIGTERM, and an orderly end within its bound. */
  async stopInOrder(file: string, service: string): Promise<void> {
    const from = Date.now()
    await this.compose(file, ['stop', service])
    const code = await this.inspect(file, service, '{{.State.ExitCode}}')
    if (code !== '0')
      throw new Error(`${service} ended with ${code}:\n${await this.compose(file, ['logs', service])}`)
    this.say(`${service} stopped in order, in ${((Date.now() - from) / 1000).toFixed(1)} s`)
  }

  /** Waits before something is looked at again. */
  pause(): Promise<void> {
    return delay(POLL_MS, undefined, { signal: this.signal })
  }

  /** What the services of both files said last. */
  async lastWords(): Promise<string> {
    const logs = FILES.map((file) => this.execute(...this.composed(file, ['logs', '--tail', '15'])))
    return (await Promise.all(logs.map((log) => log.catch(() => '')))).join('\n')
  }

  /** Stops all of it, whatever is left of it. */
  async clear(): Promise<void> {
    // It may never have been up.
    for (const file of FILES)
      await this.execute(...this.composed(file, ['down', '--volumes', '--timeout', '5'])).catch(() => {})
    // What leases had, where the agent was not there to wipe it.
    const left = await this.execute('docker', ['ps', '-aq']).catch(() => '')
    const ids = left.split('\n').filter((id) => id !== '')
    if (ids.length > 0) await this.execute('docker', ['rm', '-f', ...ids]).catch(() => {})
    await this.execute('docker', ['network', 'prune', '-f']).catch(() => {})
    for (const table of filterTables())
      if (!this.tables.has(table)) execFileSync('nft', ['delete', 'table', ...table.split(' ')])
    await this.chain.stop()
    await this.engine.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async idOf(file: string, service: string): Promise<string> {
    return (await this.compose(file, ['ps', '-q', service])).trim()
  }

  private async inspect(file: string, service: string, format: string): Promise<string> {
    return (await this.docker(['inspect', '-f', format, await this.idOf(file, service)])).trim()
  }

  /** A project for each file, so that neither takes the other's for its own. */
  private composed(file: string, words: string[]): [string, string[]] {
    const [program = '', ...more] = this.composer
    return [program, [...more, '-p', file.replaceAll('.', '-'), '-f', join(OPS, file), ...words]]
  }

  private async execute(program: string, words: string[], signal?: AbortSignal): Promise<string> {
    const options = { cwd: ROOT, env: this.environment, maxBuffer: 2 ** 26, ...(signal && { signal }) }
    return (await promisify(execFile)(program, words, options)).stdout
  }
}

/** Tables of nftables in which agents of this machine filter what leases reach: `inet cloister_…`. */
export function filterTables(): string[] {
  const lines = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => line.startsWith('table inet cloister_')).map((line) => line.slice(6))
}
