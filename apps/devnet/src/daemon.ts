import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError } from '@cloister/core'
import { answers, listens, type Probe } from './probe.ts'

/** How one daemon of the embedded network is started. */
export interface DaemonSettings {
  name: string
  /** Program and arguments. */
  command: string[]
  /** Folder of logs. */
  folder: string
  /** What it answers once it is up. */
  probe: Probe
  /** Node programs end when the channel to us closes; others need the signal. */
  channel: boolean
  stopSignal: NodeJS.Signals
  stopMs: number
}

/**
 * Has the C library return memory to the system once it is free; it keeps hundreds of megabytes of
 * compilers' leavings otherwise.
 */
const GIVING_BACK = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
}
/**
 * What every Node daemon is run with: short-lived objects get little room, since daemons idle most of the
 * time.
 */
export const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', '--max-semi-space-size=4']
const UP_MS = 120_000
const STARTING_MS = 8_000
const LONGEST_PAUSE_MS = 10_000

/** A process that is started again when it ends by itself, and whose output goes to a log file. */
export class Daemon {
  readonly settings: DaemonSettings
  private child: ChildProcess | undefined
  private ended: Promise<void> = Promise.resolve()
  private stopping = false
  private pauseMs = 200
  private readonly onRestart: (name: string) => void

  /** `onRestart` is told when it ended by itself and is started again. */
  constructor(settings: DaemonSettings, onRestart: (name: string) => void) {
    this.settings = settings
    this.onRestart = onRestart
    mkdirSync(settings.folder, { recursive: true })
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  get logPath(): string {
    return join(this.settings.folder, `${this.settings.name}.log`)
  }

  /** Starts it and waits until it answers. Throws `daemon-failed` with the end of its log. */
  async start(): Promise<void> {
    this.launch()
    const until = Date.now() + UP_MS
    while (!((await listens(this.settings.probe.url)) && (await this.isUp()))) {
      if (this.child?.exitCode !== null || Date.now() > until) {
        this.stopping = true
        this.child?.kill('SIGKILL')
        throw new CloisterError(
          'daemon-failed',
          `${this.settings.name} does not start: ${this.lastWords()}`,
          {
            hint: `Its log is ${this.logPath}. If the state is damaged, begin anew with \`npm start -- --fresh\`.`,
          },
        )
      }
      await delay(30)
    }
  }

  /**
   * True where it has ended by itself when asked to, as it should; not where it was killed, or had crashed
   * before.
   */
  async stop(): Promise<boolean> {
    this.stopping = true
    const { child } = this
    if (!child || child.exitCode !== null || child.signalCode !== null) return false
    // One that is being started again can't tidy up before it has begun: it may have taken over what a crash
    // left running.
    for (
      let waited = 0;
      waited < STARTING_MS && child.exitCode === null && !(await this.isUp());
      waited += 100
    )
      await delay(100)
    child.kill(this.settings.stopSignal)
    const timer = setTimeout(() => child.kill('SIGKILL'), this.settings.stopMs)
    await this.ended
    clearTimeout(timer)
    return child.exitCode === 0
  }

  isUp(): Promise<boolean> {
    return answers(this.settings.probe).catch(() => false)
  }

  private launch(): void {
    const { command, channel } = this.settings
    const [program = '', ...args] = command
    const log = openSync(this.logPath, 'a', 0o600)
    const child = spawn(program, args, {
      stdio: ['ignore', log, log, ...(channel ? (['ipc'] as const) : [])],
      detached: true,
      env: { ...process.env, ...GIVING_BACK, NO_COLOR: '1', NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' },
    })
    closeSync(log)
    this.child = child
    this.ended = new Promise((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => {
        resolve()
        void this.again()
      })
    })
  }

  private async again(): Promise<void> {
    if (this.stopping) return
    await delay(this.pauseMs)
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS)
    if (this.stopping) return
    this.onRestart(this.settings.name)
    this.launch()
    if (await this.isUp()) this.pauseMs = 200
  }

  private lastWords(): string {
    try {
      const last = readFileSync(this.logPath, 'utf8').trimEnd().split('\n').at(-1) ?? ''
      return last.slice(0, 500) || 'it said nothing.'
    } catch {
      return 'it said nothing.'
    }
  }
}
